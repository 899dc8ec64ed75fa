//! Pumps [`ClientCore`] with a real clock and real connections.
//!
//! There is no task in the middle: whoever has news (a caller, a connection's reader, the timer)
//! takes the lock, steps the core and does what it wants done, none of which waits. That saves a
//! change of task for each request and each response.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raft::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::dial::{Dialled, Dialler};
use super::outbox::Outbox;
use crate::client_core::{Action, ClientCore, EndpointId, Event, OpId, Operation, Outcome};

/// A running client. Dropped, it closes its connections.
#[derive(Debug)]
pub(super) struct Pump {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dialler: Dialler,
    runtime: Handle,
    origin: Instant,
    state: Mutex<State>,
    /// The core wants to be stepped earlier than the timer knows.
    earlier: Notify,
}

#[derive(Debug)]
struct State {
    core: ClientCore,
    waiting: HashMap<OpId, oneshot::Sender<Outcome>>,
    links: HashMap<EndpointId, Link>,
    next_op: u64,
    /// When the timer will step the core.
    armed: Option<Timestamp>,
    last_failure: Option<String>,
    closed: bool,
}

/// A connection that is up.
#[derive(Debug)]
struct Link {
    outbox: Arc<Outbox>,
    connection: quinn::Connection,
}

impl Pump {
    /// Must be called inside a runtime, on which its tasks then run.
    pub(super) fn start(core: ClientCore, dialler: Dialler) -> Pump {
        let state = State {
            core,
            waiting: HashMap::new(),
            links: HashMap::new(),
            next_op: 0,
            armed: None,
            last_failure: None,
            closed: false,
        };
        let shared = Arc::new(Shared {
            dialler,
            runtime: Handle::current(),
            origin: Instant::now(),
            state: Mutex::new(state),
            earlier: Notify::new(),
        });
        shared.runtime.spawn(keep_time(shared.clone()));
        Pump { shared }
    }

    pub(super) fn dialler(&self) -> &Dialler {
        &self.shared.dialler
    }

    /// What went wrong when a node was dialled last, for a person.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.shared.lock().last_failure.clone()
    }

    /// Nothing if the client ended before the operation did. Cancelled, the operation is abandoned.
    pub(super) async fn run(&self, operation: Operation, timeout: Duration) -> Option<Outcome> {
        let (finish, finished) = oneshot::channel();
        let op = {
            let mut state = self.shared.lock();
            let op = OpId(state.next_op);
            state.next_op += 1;
            state.waiting.insert(op, finish);
            let deadline = self.shared.now() + timeout;
            self.shared.step(&mut state, Event::Submit { op, operation, deadline });
            op
        };
        let mut guard = Abandon { shared: &self.shared, op: Some(op) };
        let outcome = finished.await.ok();
        guard.op = None;
        outcome
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        for link in state.links.values() {
            link.outbox.close();
        }
        drop(state);
        self.shared.earlier.notify_one();
        self.shared.dialler.endpoint.close(quinn::VarInt::from_u32(0), b"done");
    }
}

struct Abandon<'a> {
    shared: &'a Arc<Shared>,
    op: Option<OpId>,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(op) = self.op {
            let mut state = self.shared.lock();
            state.waiting.remove(&op);
            self.shared.step(&mut state, Event::Abandon(op));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        let nanos = self.origin.elapsed().as_nanos();
        Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn step(self: &Arc<Self>, state: &mut State, event: Event) {
        state.core.step(self.now(), event);
        self.act(state);
    }

    /// Does all that the core wants done. Nothing here waits.
    fn act(self: &Arc<Self>, state: &mut State) {
        while let Some(action) = state.core.poll() {
            match action {
                Action::Dial { endpoint, address } => {
                    if !state.closed {
                        self.runtime.spawn(connect(self.clone(), endpoint, address));
                    }
                }
                Action::HangUp(endpoint) => match state.links.get(&endpoint) {
                    // Its task then ends, and says that it did.
                    Some(link) => link.connection.close(quinn::VarInt::from_u32(0), b"silent"),
                    None => state.core.step(self.now(), Event::Disconnected(endpoint)),
                },
                Action::Send { endpoint, tag, request } => match state.links.get(&endpoint) {
                    Some(link) => link.outbox.push(tag, &request),
                    None => state.core.step(self.now(), Event::Disconnected(endpoint)),
                },
                Action::Finish { op, outcome } => {
                    if let Some(finish) = state.waiting.remove(&op) {
                        // Whoever asked may have gone.
                        let _ = finish.send(outcome);
                    }
                }
            }
        }
        let wanted = state.core.deadline();
        if wanted.is_some_and(|wanted| state.armed.is_none_or(|armed| wanted < armed)) {
            state.armed = wanted;
            self.earlier.notify_one();
        }
    }
}

/// Steps the core when it wants to be.
async fn keep_time(shared: Arc<Shared>) {
    loop {
        let armed = {
            let mut state = shared.lock();
            if state.closed {
                return;
            }
            state.armed = state.core.deadline();
            state.armed
        };
        match armed {
            None => shared.earlier.notified().await,
            Some(at) => {
                let at = shared.origin + (at - Timestamp::default());
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = shared.earlier.notified() => continue,
                }
            }
        }
        shared.step(&mut shared.lock(), Event::Tick);
    }
}

/// Dials, and then serves the connection until it ends.
async fn connect(shared: Arc<Shared>, endpoint: EndpointId, address: String) {
    let dialled = match shared.dialler.dial(&address).await {
        Ok(dialled) => dialled,
        Err(failure) => {
            tracing::debug!(address, why = failure.why, "no connection");
            let mut state = shared.lock();
            state.last_failure = Some(format!("{address}: {}", failure.why));
            shared.step(&mut state, Event::DialFailed(endpoint, failure.error));
            return;
        }
    };
    let outbox = Arc::new(Outbox::default());
    {
        let mut state = shared.lock();
        if state.closed {
            return;
        }
        state.links.insert(endpoint, Link { outbox: outbox.clone(), connection: dialled.connection.clone() });
        shared.step(&mut state, Event::Connected(endpoint));
    }
    let why = exchange(&shared, endpoint, dialled, &outbox).await;
    outbox.close();
    tracing::debug!(address, why, "connection ended");
    let mut state = shared.lock();
    state.last_failure = Some(format!("{address}: {why}"));
    state.links.remove(&endpoint);
    shared.step(&mut state, Event::Disconnected(endpoint));
}

/// Writes what the core sends and steps it with what comes back; says why that ended.
async fn exchange(shared: &Arc<Shared>, endpoint: EndpointId, dialled: Dialled, outbox: &Outbox) -> String {
    let Dialled { connection, mut send, mut responses } = dialled;
    let read = async {
        loop {
            match responses.next().await {
                Ok(all) => {
                    let mut state = shared.lock();
                    let now = shared.now();
                    state.core.received_all(now, endpoint, all);
                    shared.act(&mut state);
                }
                Err(error) => return error.to_string(),
            }
        }
    };
    // Neither half is tried again after the other has ended: the connection goes.
    let why = tokio::select! {
        why = read => why,
        written = outbox.write_to(&mut send) => match written {
            Ok(()) => "closed".into(),
            Err(error) => error.to_string(),
        },
    };
    connection.close(quinn::VarInt::from_u32(0), b"");
    why
}
