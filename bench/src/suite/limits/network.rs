//! Round trips between this process and another one on loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use raft::{ClusterId, NodeId};
use transport_quic::{ALPN_PEER, ConnectionSettings, Validity, identity, pki, tls};

use super::echo::{self, ECHO, HERE};
use super::measured::Measured;
use crate::bare;

/// Bytes that go to and fro.
pub(super) const MESSAGE: usize = 64;
/// Until what is not answered is lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// Not measured.
const WARM_UP: Duration = Duration::from_millis(100);
/// In the certificates.
const CLUSTER: &str = "limits";
const ME: NodeId = NodeId(2);

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Udp,
    Quic,
}

/// Sends a message, waits until it comes back, and so on. The other process ends with this.
pub(super) fn round_trips(bench: &Path, dir: &Path, over: Over, window: Duration) -> Result<Measured> {
    let mut command = Command::new(bench);
    command.arg("echo");
    match over {
        Over::Udp => udp(&Echo::start(command.arg("udp"))?, window),
        Over::Quic => {
            let certs = dir.join("certs");
            make_certificates(&certs)?;
            let echo = Echo::start(command.arg("quic").arg("--certs-dir").arg(&certs))?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.context("starting a runtime for the round trips")?;
            let trips = async {
                let trips = quic(&echo, &certs, window);
                tokio::time::timeout(window + 2 * PATIENCE, trips).await.context("round trips over QUIC")?
            };
            runtime.block_on(trips)
        }
    }
}

fn udp(echo: &Echo, window: Duration) -> Result<Measured> {
    let socket = UdpSocket::bind(HERE).context("opening a UDP socket")?;
    socket.connect(echo.address).with_context(|| format!("connecting with {}", echo.address))?;
    socket.set_read_timeout(Some(PATIENCE)).context("limiting the wait for an echo")?;
    let mut message = [7; MESSAGE];
    let mut trips = Trips::begin(window);
    while trips.go_on() {
        socket.send(&message).context("sending a datagram")?;
        socket.recv(&mut message).context("waiting for the echo of a datagram")?;
    }
    Ok(trips.measured())
}

async fn quic(echo: &Echo, certs: &Path, window: Duration) -> Result<Measured> {
    let (trust, credentials) = echo::certificates(certs, ME)?;
    let tls = tls::client_config(ALPN_PEER, &trust, &credentials, &ConnectionSettings::lan_peers())?;
    let endpoint = bare::endpoint(HERE, None, bare::MTU)?;
    let name = identity::server_name(&ClusterId::new(CLUSTER)?, ECHO);
    let connection = bare::dial(&endpoint, &tls, echo.address, &name).await?;
    let (mut send, mut recv) = connection.open_bi().await.context("opening a stream")?;
    let mut message = [7; MESSAGE];
    let mut trips = Trips::begin(window);
    while trips.go_on() {
        send.write_all(&message).await.context("sending on a stream")?;
        recv.read_exact(&mut message).await.context("waiting for the echo on a stream")?;
    }
    Ok(trips.measured())
}

fn make_certificates(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    pki::init(dir, &ClusterId::new(CLUSTER)?)?;
    for node in [ECHO, ME] {
        pki::create_node(dir, node, &[], Validity::default())?;
    }
    Ok(())
}

/// Round trips one after the other, the first of which are not measured.
struct Trips {
    measured: Measured,
    window: Duration,
    begun: Instant,
    last: Option<Instant>,
}

impl Trips {
    fn begin(window: Duration) -> Trips {
        Trips { measured: Measured::default(), window, begun: Instant::now(), last: None }
    }

    /// Notes the one that has ended, and whether there is time for another.
    fn go_on(&mut self) -> bool {
        let now = Instant::now();
        match self.last {
            Some(last) => {
                self.measured.note(now - last);
                self.last = Some(now);
            }
            None if now - self.begun >= WARM_UP => (self.begun, self.last) = (now, Some(now)),
            None => {}
        }
        self.last.is_none() || now - self.begun < self.window
    }

    fn measured(self) -> Measured {
        let elapsed = self.begun.elapsed();
        self.measured.within(elapsed)
    }
}

/// The other process. Dropped, it ends.
struct Echo {
    process: Child,
    address: SocketAddr,
}

impl Echo {
    fn start(command: &mut Command) -> Result<Echo> {
        let program = format!("{} echo", command.get_program().display());
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let process = process.with_context(|| format!("starting {program}"))?;
        let mut echo = Echo { process, address: HERE };
        let stdout = echo.process.stdout.take().with_context(|| format!("hearing {program}"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).with_context(|| format!("hearing {program}"))?;
        echo.address = line.trim().parse().with_context(|| format!("{program} said {line:?}"))?;
        Ok(echo)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_that_does_not_listen_is_an_error() {
        let error = Echo::start(Command::new("sh").args(["-c", "echo no port"])).err().unwrap();
        assert!(error.to_string().contains("no port"), "{error}");
    }

    #[test]
    fn what_ends_after_the_warming_up_is_noted() {
        let mut trips = Trips::begin(Duration::from_secs(60));
        assert!(trips.go_on() && trips.go_on());
        assert!(trips.measured.quantile_ms(0.5).is_nan());
        trips.begun -= WARM_UP;
        assert!(trips.go_on(), "from now on");
        assert!(trips.go_on());
        trips.begun -= trips.window;
        assert!(!trips.go_on());
        assert!(trips.measured().quantile_ms(1.0) > 0.0);
    }
}
