//! A UDP proxy between the nodes. It needs no rights and no kernel module, so it works everywhere; what it costs is one
//! more hop, undisturbed as well as disturbed.
//!
//! For each ordered pair there is one socket: `a` knows `b` by the address of the socket (a, b). What arrives there from
//! `a` leaves to `b` from the socket (b, a), which is the one by which `b` knows `a`. So each side sees the other at one
//! address for good, as connections want it that do not migrate, whichever side dialled.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::net::sockopt;

use super::network::{Counts, Links, Rules};
use super::router::Router;

/// The proxy's thread, and what can be asked of it.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    routes: BTreeMap<(u64, u64), SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

/// What the proxy's thread and its owner share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    rules: Mutex<Rules>,
    pub(super) counters: Counters,
    pub(super) stop: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) forwarded: AtomicU64,
    pub(super) cut: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) delayed: AtomicU64,
    pub(super) overflowed: AtomicU64,
}

/// One socket of the proxy: how `from` knows `to`.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) socket: UdpSocket,
    /// Where `from` is.
    pub(super) from_addr: SocketAddr,
    /// Where `to` is.
    pub(super) to_addr: SocketAddr,
}

/// Asked for in each direction, in bytes; the kernel may give less.
const SOCKET_BUFFER: usize = 4 << 20;

impl Proxy {
    /// Between nodes that listen at these addresses. `seed` repeats the same draws of what is lost.
    pub fn start(nodes: &[(u64, SocketAddr)], seed: u64) -> Result<Proxy> {
        let mut ports = Vec::new();
        for (from, from_addr) in nodes {
            for (to, to_addr) in nodes.iter().filter(|(to, _)| to != from) {
                let (from, to, from_addr, to_addr) = (*from, *to, *from_addr, *to_addr);
                ports.push(Port { from, to, socket: socket()?, from_addr, to_addr });
            }
        }
        let address = |port: &Port| -> Result<_> {
            Ok(((port.from, port.to), port.socket.local_addr().context("asking a socket for its port")?))
        };
        let routes = ports.iter().map(address).collect::<Result<_>>()?;
        let shared = Arc::new(Shared::default());
        let router = Router::new(ports, shared.clone(), seed);
        let thread = thread::Builder::new().name("proxy".to_owned()).spawn(move || router.run());
        let thread = Some(thread.context("starting the proxy's thread")?);
        Ok(Proxy { shared, routes, thread })
    }

    /// Where the first of a pair is to reach the second.
    #[must_use]
    pub fn routes(&self) -> &BTreeMap<(u64, u64), SocketAddr> {
        &self.routes
    }
}

impl Links for Proxy {
    fn obey(&mut self, rules: &Rules) -> Result<()> {
        *self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules.clone();
        Ok(())
    }

    fn counts(&self) -> Result<Counts> {
        let Counters { forwarded, cut, lost, delayed, overflowed } = &self.shared.counters;
        Ok(Counts {
            forwarded: forwarded.load(Relaxed),
            cut: cut.load(Relaxed),
            lost: lost.load(Relaxed),
            delayed: delayed.load(Relaxed),
            overflowed: overflowed.load(Relaxed),
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, there is nobody left whom it concerns.
            let _ = thread.join();
        }
    }
}

impl Shared {
    pub(super) fn rules(&self) -> Rules {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("opening a UDP socket for the proxy")?;
    socket.set_nonblocking(true).context("making a socket of the proxy non-blocking")?;
    // With less room it drops more, and counts that.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
    let _ = sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Two ends with a proxy between them.
    struct Pair {
        proxy: Proxy,
        ends: [UdpSocket; 2],
    }

    impl Pair {
        fn new() -> Pair {
            let ends = [(), ()].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
            for end in &ends {
                end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            }
            let nodes = [(1, ends[0].local_addr().unwrap()), (2, ends[1].local_addr().unwrap())];
            Pair { proxy: Proxy::start(&nodes, 7).unwrap(), ends }
        }

        fn send(&self, from: usize, what: &[u8]) {
            let pair = [(1, 2), (2, 1)][from];
            self.ends[from].send_to(what, self.proxy.routes()[&pair]).unwrap();
        }

        fn expect(&self, at: usize, what: &[u8]) {
            let pair = [(1, 2), (2, 1)][at];
            let mut buffer = [0; 100];
            let (length, from) = self.ends[at].recv_from(&mut buffer).unwrap();
            assert_eq!(
                (&buffer[..length], from),
                (what, self.proxy.routes()[&pair]),
                "and from the address it knows"
            );
        }

        fn counts(&self) -> Counts {
            self.proxy.counts().unwrap()
        }

        fn until(&self, wanted: impl Fn(Counts) -> bool) {
            let begun = std::time::Instant::now();
            while !wanted(self.counts()) {
                assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", self.counts());
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn each_end_sees_the_other_where_it_sends_to() {
        let pair = Pair::new();
        pair.send(0, b"there");
        pair.expect(1, b"there");
        pair.send(1, b"and back");
        pair.expect(0, b"and back");
    }

    #[test]
    fn a_cut_is_one_way_until_it_is_healed() {
        let mut pair = Pair::new();
        pair.proxy.obey(&Rules { cuts: [(1, 2)].into(), ..Rules::default() }).unwrap();
        pair.send(0, b"never");
        pair.until(|counts| counts.cut == 1);
        pair.send(1, b"the other way");
        pair.expect(0, b"the other way");
        pair.proxy.obey(&Rules::default()).unwrap();
        pair.send(0, b"healed");
        pair.expect(1, b"healed");
    }

    #[test]
    fn about_the_wanted_share_is_lost() {
        let mut pair = Pair::new();
        pair.proxy.obey(&Rules { loss: 0.25, ..Rules::default() }).unwrap();
        for _ in 0..2000 {
            pair.send(0, b"maybe");
        }
        pair.until(|counts| counts.forwarded + counts.lost + counts.overflowed == 2000);
        let lost = pair.counts().lost;
        assert!((350..650).contains(&lost), "{lost} of 2000");
    }

    #[test]
    fn what_is_delayed_comes_later_and_in_order() {
        let mut pair = Pair::new();
        let by = Duration::from_millis(60);
        pair.proxy.obey(&Rules { delay: by, ..Rules::default() }).unwrap();
        let sent = std::time::Instant::now();
        pair.send(0, b"first");
        pair.send(0, b"second");
        pair.expect(1, b"first");
        pair.expect(1, b"second");
        assert!(sent.elapsed() >= by);
        assert_eq!(pair.counts().delayed, 2);
    }
}
