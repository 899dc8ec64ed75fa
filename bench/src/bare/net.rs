//! Sockets and streams of the bare pipeline: TLS and connection settings are those of the service.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use quinn::udp::UdpSocketState;
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, RecvStream, ServerConfig, TokioRuntime};
use transport_quic::ConnectionSettings;

use super::wire::whole;

/// Asked for in each direction, as the service does, in bytes.
const SOCKET_BUFFER: usize = 4 << 20;
/// How long whoever is dialled may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is received with one look, in pieces of about a packet.
const PIECES: usize = 64;

/// The same settings, on a path that carries UDP payloads of so many bytes.
#[must_use]
pub fn with_mtu(settings: &ConnectionSettings, mtu: u16) -> ConnectionSettings {
    ConnectionSettings { mtu_upper_bound: mtu, ..settings.clone() }
}

/// Opens an endpoint that takes UDP payloads of so many bytes. Must be called inside a runtime.
pub fn endpoint(address: SocketAddr, server: Option<ServerConfig>, mtu: u16) -> Result<Endpoint> {
    let opening = || format!("opening a UDP socket on {address}");
    let socket = UdpSocket::bind(address).with_context(opening)?;
    let state = UdpSocketState::new((&socket).into()).with_context(opening)?;
    // The kernel may give less: what does not fit is sent again.
    let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER);
    let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER);
    let mut config = EndpointConfig::default();
    if u64::from(mtu) > config.get_max_udp_payload_size() {
        config.max_udp_payload_size(mtu).with_context(|| format!("an MTU of {mtu}"))?;
    }
    Endpoint::new(config, server, socket, Arc::new(TokioRuntime)).with_context(opening)
}

/// Dials until someone answers.
pub async fn dial(from: &Endpoint, config: &ClientConfig, to: SocketAddr, name: &str) -> Result<Connection> {
    let begun = Instant::now();
    loop {
        let connecting = from.connect_with(config.clone(), to, name);
        let connecting = connecting.with_context(|| format!("dialling {to} as {name}"))?;
        match connecting.await {
            Ok(connection) => return Ok(connection),
            Err(error) if begun.elapsed() > PATIENCE => {
                return Err(error).with_context(|| format!("dialling {to} as {name}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Reads frames from a stream.
pub(super) struct Reader {
    stream: RecvStream,
    received: BytesMut,
    pieces: Vec<Bytes>,
}

impl Reader {
    pub(super) fn new(stream: RecvStream) -> Reader {
        Reader { stream, received: BytesMut::new(), pieces: vec![Bytes::new(); PIECES] }
    }

    /// Whole frames, all that have arrived, at least one; nothing once the stream has ended.
    pub(super) async fn frames(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some(count) = self.stream.read_chunks(&mut self.pieces).await? else { return Ok(None) };
            for piece in &mut self.pieces[..count] {
                self.received.extend_from_slice(&std::mem::take(piece));
            }
            let whole = whole(&self.received)?;
            if whole > 0 {
                return Ok(Some(self.received.split_to(whole).freeze()));
            }
        }
    }
}
