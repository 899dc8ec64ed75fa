//! UDP sockets with room for a burst: what does not fit the kernel's default buffer is lost, and a
//! value of a megabyte does not.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::udp::UdpSocketState;
use quinn::{Endpoint, TokioRuntime};
use transport_quic::settings;

/// Asked for in each direction, in bytes; the kernel may give less.
const BUFFER: usize = 4 << 20;

/// Binds a socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let state = UdpSocketState::new((&socket).into())?;
    let set = state
        .set_recv_buffer_size((&socket).into(), BUFFER)
        .and_then(|()| state.set_send_buffer_size((&socket).into(), BUFFER));
    if let Err(error) = set {
        tracing::debug!(%error, "socket buffers stay as they are");
    }
    Ok(socket)
}

/// Wraps a socket. Must be called inside a runtime.
pub(super) fn endpoint(socket: UdpSocket, server: Option<quinn::ServerConfig>) -> io::Result<Endpoint> {
    Endpoint::new(settings::endpoint(), server, socket, Arc::new(TokioRuntime))
}
