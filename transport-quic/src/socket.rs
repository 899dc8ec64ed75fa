//! A UDP socket that can be closed under quinn. quinn keeps a socket until its tasks have wound
//! down, some time after everything was dropped; a node that restarts wants the port at once.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll, Wake, Waker, ready};

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::Interest;

/// Asked for in each direction, in bytes; the kernel may give less. Bursts that do not fit are lost.
const SOCKET_BUFFER: usize = 4 << 20;

/// The socket; empty once closed. Whoever uses it holds the lock for one system call that does not
/// block, so that closing it waits for no one.
#[derive(Debug)]
pub(crate) struct Socket {
    open: RwLock<Option<Open>>,
    local: SocketAddr,
    waiting: Arc<Waiting>,
    waker: Waker,
}

#[derive(Debug)]
struct Open {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    /// Wraps a bound socket. Must be called inside a runtime.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Arc<Socket>> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let state = UdpSocketState::new((&socket).into())?;
        for result in [
            state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER),
            state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER),
        ] {
            if let Err(error) = result {
                tracing::debug!(%error, "socket buffers stay as they are");
            }
        }
        let io = tokio::net::UdpSocket::from_std(socket)?;
        let waiting = Arc::new(Waiting::default());
        let waker = Waker::from(waiting.clone());
        Ok(Arc::new(Socket { open: RwLock::new(Some(Open { io, state })), local, waiting, waker }))
    }

    /// Closes it: when this returns the port is free. quinn goes on as if packets were lost.
    pub(crate) fn close(&self) {
        drop(self.open.write().unwrap_or_else(PoisonError::into_inner).take());
        self.waiting.wake_all();
    }

    fn with<T>(&self, closed: T, f: impl FnOnce(&Open) -> T) -> T {
        self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(closed, f)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.with(Ok(()), |open| {
            open.io.try_io(Interest::WRITABLE, || open.state.send((&open.io).into(), transmit))
        })
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.with(Poll::Pending, |open| {
            loop {
                ready!(open.io.poll_recv_ready(cx))?;
                let received =
                    open.io.try_io(Interest::READABLE, || open.state.recv((&open.io).into(), bufs, meta));
                if let Ok(count) = received {
                    return Poll::Ready(Ok(count));
                }
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn may_fragment(&self) -> bool {
        self.with(false, |open| open.state.may_fragment())
    }

    fn max_transmit_segments(&self) -> usize {
        self.with(1, |open| open.state.max_gso_segments())
    }

    fn max_receive_segments(&self) -> usize {
        self.with(1, |open| open.state.gro_segments())
    }
}

struct Poller(Arc<Socket>);

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Poller")
    }
}

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &self.0;
        socket.with(Poll::Ready(Ok(())), |open| {
            let mut shared = Context::from_waker(&socket.waker);
            if let Poll::Ready(result) = open.io.poll_send_ready(&mut shared) {
                return Poll::Ready(result);
            }
            // Registered only now, so the socket may have become writable unseen: ask again.
            socket.waiting.add(cx.waker());
            open.io.poll_send_ready(&mut shared)
        })
    }
}

/// tokio's socket remembers one waker per direction; many connections wait for one socket.
#[derive(Debug, Default)]
struct Waiting {
    wakers: Mutex<Vec<Waker>>,
}

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|w| w.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}
