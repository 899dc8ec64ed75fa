//! A client of the register, talking to nodes in its own process. It keeps a session, so that a write
//! that it sends again takes effect once, and writes down what it saw.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use history_checker::{Key, Operation, Outcome, Recorder, Value};
use raft::driver::ProposeError;
use raft::session::SessionTag;
use raft::{Handle, SessionId};
use register::command::{Answer, Command, Query};
use register::{Expect, Versioned};
use tokio::time::timeout;

use crate::carrier::Carrier;
use crate::lab::number;
use crate::world::World;

use super::Registers;

/// Few, so that clients meet.
const KEYS: [&str; 3] = ["a", "b", "c"];
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_millis(500);
/// How long an operation is tried.
const OPERATION: Duration = Duration::from_secs(3);

/// See the module.
pub(super) struct Client<'a, C: Carrier> {
    lab: &'a Registers<C>,
    recorder: &'a Recorder,
    /// Counts the values written by all clients, so that each is unique.
    values: &'a Cell<u64>,
    node: usize,
    session: Option<SessionId>,
    serial: u64,
}

/// What came of a write.
enum Written {
    Done(Answer),
    NotApplied,
    Unknown,
}

/// What came of one attempt at it.
enum Attempt {
    Done(Bytes),
    /// It never entered a log.
    Refused,
    /// It may take effect yet.
    Doubtful,
}

impl<'a, C: Carrier> Client<'a, C> {
    pub(super) fn new(lab: &'a Registers<C>, recorder: &'a Recorder, values: &'a Cell<u64>) -> Self {
        Client { lab, recorder, values, node: lab.any_node(), session: None, serial: 0 }
    }

    /// One operation after the other until `ended`.
    pub(super) async fn work(mut self, ended: &Cell<bool>) {
        while !ended.get() {
            let key = KEYS[self.lab.any_node() % KEYS.len()];
            match self.lab.world.random(4) {
                0 => self.put(key).await,
                1 => self.cas(key).await,
                _ => drop(self.get(key).await),
            }
            self.lab.sleep_ms(1 + self.lab.world.random(10)).await;
        }
    }

    /// Reads every key; whether all answered.
    pub(super) async fn read_everything(&mut self) -> bool {
        for key in KEYS {
            if self.get(key).await.is_none() {
                return false;
            }
        }
        true
    }

    /// What the key holds; `None` if no node would say.
    async fn get(&mut self, key: &'static str) -> Option<Value> {
        let open = self.recorder.process().read(Some(Key::from(key)), self.time());
        let query = Query::Get { key: Bytes::from_static(key.as_bytes()) }.encode();
        let end = self.lab.world.now() + OPERATION;
        while self.lab.world.now() < end {
            if let Some(handle) = self.lab.world.handle(self.node)
                && let Ok(Ok(answer)) = timeout(ATTEMPT, handle.read(query.clone())).await
                && let Ok(Answer::Seen(seen)) = Answer::decode(&answer)
            {
                let value = value_of(seen.as_ref());
                let _ = open.ok(value.clone(), self.time());
                return Some(value);
            }
            self.next_node().await;
        }
        open.unknown(self.time());
        None
    }

    async fn put(&mut self, key: &'static str) {
        let (value, data) = self.fresh_value();
        let open = self.recorder.process().write(Some(Key::from(key)), value, self.time());
        let command = Command::Put { key: Bytes::from_static(key.as_bytes()), value: data };
        match self.write(&command).await {
            Written::Done(_) => drop(open.ok(self.time())),
            Written::NotApplied => drop(open.not_applied(self.time())),
            Written::Unknown => open.unknown(self.time()),
        }
    }

    /// Reads a key and swaps what was seen, if it is still there, for something new.
    async fn cas(&mut self, key: &'static str) {
        let Some(from) = self.get(key).await else { return };
        let (to, data) = self.fresh_value();
        let expect = bytes_of(&from).map_or(Expect::Missing, Expect::Value);
        let open = self.recorder.process().cas(Some(Key::from(key)), from, to, self.time());
        let command = Command::Cas { key: Bytes::from_static(key.as_bytes()), expect, value: data };
        match self.write(&command).await {
            Written::Done(Answer::Written(_)) => drop(open.swapped(self.time())),
            Written::Done(Answer::Seen(seen)) => {
                drop(open.not_swapped(Some(value_of(seen.as_ref())), self.time()));
            }
            // Left open: the checker may take it either way, so this cannot hide a fault of others.
            Written::Done(Answer::Deleted(_) | Answer::Malformed) | Written::Unknown => {
                open.unknown(self.time());
            }
            Written::NotApplied => drop(open.not_applied(self.time())),
        }
    }

    /// Has a command applied once, however often it must be sent.
    async fn write(&mut self, command: &Command) -> Written {
        let end = self.lab.world.now() + OPERATION;
        self.serial += 1;
        let command = command.encode();
        let mut doubtful = false;
        while self.lab.world.now() < end {
            match self.attempt(&command).await {
                Attempt::Done(answer) => {
                    return Answer::decode(&answer).map_or(Written::Unknown, Written::Done);
                }
                Attempt::Refused => {}
                Attempt::Doubtful => doubtful = true,
            }
            self.next_node().await;
        }
        if doubtful { Written::Unknown } else { Written::NotApplied }
    }

    async fn attempt(&mut self, command: &Bytes) -> Attempt {
        let Some(handle) = self.lab.world.handle(self.node) else { return Attempt::Refused };
        let Some(session) = self.open_session(&handle).await else { return Attempt::Refused };
        let tag = SessionTag { session, serial: self.serial, floor: self.serial - 1 };
        let sent = async {
            match handle.propose_in_session(tag, command.clone()).await {
                Ok(accepted) => {
                    accepted.outcome().await.map_or(Attempt::Doubtful, |a| Attempt::Done(a.response))
                }
                Err(ProposeError::Refused(_)) => Attempt::Refused,
                Err(ProposeError::Stopped(_)) => Attempt::Doubtful,
            }
        };
        timeout(ATTEMPT, sent).await.unwrap_or(Attempt::Doubtful)
    }

    /// The session; opened by the first write that finds a leader. Another one that a lost answer
    /// hides is never used.
    async fn open_session(&mut self, handle: &Handle) -> Option<SessionId> {
        if self.session.is_none() {
            self.session = timeout(ATTEMPT, handle.open_session()).await.ok()?.ok();
        }
        self.session
    }

    async fn next_node(&mut self) {
        self.node = self.lab.after(self.node, 1);
        self.lab.sleep_ms(5 + self.lab.world.random(10)).await;
    }

    fn fresh_value(&self) -> (Value, Bytes) {
        let value = self.values.get() + 1;
        self.values.set(value);
        (Value::from(value), number(value))
    }

    fn time(&self) -> u64 {
        u64::try_from(self.lab.world.now().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Whether the client learned what came of an operation.
pub(super) fn is_known(operation: &Operation) -> bool {
    !matches!(operation.outcome, Outcome::Unknown { .. })
}

fn value_of(seen: Option<&Versioned>) -> Value {
    let Some(seen) = seen else { return Value::Null };
    match seen.value.first_chunk() {
        Some(number) if seen.value.len() == 8 => Value::from(u64::from_le_bytes(*number)),
        // Nobody wrote that: it must not pass for an empty register.
        _ => Value::from(format!("{:?}", seen.value)),
    }
}

fn bytes_of(value: &Value) -> Option<Bytes> {
    value.to_string().parse().ok().map(number)
}
