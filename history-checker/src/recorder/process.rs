//! One caller, and the operation that it has under way.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use super::log::{Log, Pending, lock};
use crate::history::{Action, Answer, Mark, Outcome};
use crate::value::{Key, Value};

/// A client that has no operation under way. Invoking consumes it, and only a known outcome gives it back, so no
/// process ever has two operations open, nor acts again after an unknown outcome.
pub struct Process {
    id: u64,
    log: Arc<Mutex<Log>>,
}

/// An operation under way. `A` says what its answer looks like: [`Read`], [`Written`], [`Cas`] or [`Dequeue`].
///
/// Dropping it leaves the operation open, like [`Open::unknown`] without the line. Whoever checks while it happens
/// should rather say so: a [`Checker`](crate::Checker) must remember all that follows an operation that never ends.
#[must_use = "say what came of the operation; dropped, it stays open for ever"]
pub struct Open<A> {
    process: Process,
    pending: Pending,
    version: Option<u64>,
    answer: PhantomData<A>,
}

/// Marks an open read.
pub enum Read {}
/// Marks what is open and has no answer but that it is done: a write, an add, a removal, an enqueue.
pub enum Written {}
/// Marks an open CAS.
pub enum Cas {}
/// Marks an open dequeue.
pub enum Dequeue {}

impl Process {
    pub(super) fn fresh(log: &Arc<Mutex<Log>>) -> Process {
        Process { id: lock(log).fresh_process(), log: Arc::clone(log) }
    }

    /// The number that stands in the history.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A read is about to be sent: of a register, a counter, or all elements of a set.
    pub fn read(self, key: Option<Key>, time: u64) -> Open<Read> {
        self.invoke(key, Action::Read, time)
    }

    /// A write is about to be sent; `Value::Null` deletes.
    pub fn write(self, key: Option<Key>, value: Value, time: u64) -> Open<Written> {
        self.invoke(key, Action::Write(value), time)
    }

    /// A compare-and-set is about to be sent.
    pub fn cas(self, key: Option<Key>, from: Value, to: Value, time: u64) -> Open<Cas> {
        self.invoke(key, Action::Cas { from, to }, time)
    }

    /// An add is about to be sent: a number to a counter, or an element to a set.
    pub fn add(self, key: Option<Key>, value: Value, time: u64) -> Open<Written> {
        self.invoke(key, Action::Add(value), time)
    }

    /// The removal of an element from a set is about to be sent.
    pub fn remove(self, key: Option<Key>, value: Value, time: u64) -> Open<Written> {
        self.invoke(key, Action::Remove(value), time)
    }

    /// An element is about to be sent to a queue's end.
    pub fn enqueue(self, key: Option<Key>, value: Value, time: u64) -> Open<Written> {
        self.invoke(key, Action::Enqueue(value), time)
    }

    /// The element at a queue's front is about to be asked for.
    pub fn dequeue(self, key: Option<Key>, time: u64) -> Open<Dequeue> {
        self.invoke(key, Action::Dequeue, time)
    }

    fn invoke<A>(self, key: Option<Key>, action: Action, time: u64) -> Open<A> {
        let pending = lock(&self.log).invoke(self.id, key, action, time);
        Open { process: self, pending, version: None, answer: PhantomData }
    }
}

impl<A> Open<A> {
    /// The answer named this version of the register.
    pub fn at_version(self, version: u64) -> Open<A> {
        Open { version: Some(version), ..self }
    }

    /// The service says that the operation was not carried out and never will be. For anything less certain — a
    /// timeout, a lost connection — use [`Open::unknown`].
    #[must_use = "the process can go on"]
    pub fn not_applied(self, time: u64) -> Process {
        self.complete(time, |returned, _| Outcome::NotApplied { returned })
    }

    /// Nobody knows. The process ends here; take a fresh one from [`Recorder::process`](super::Recorder::process).
    pub fn unknown(self, time: u64) {
        let _ended = self.complete(time, |mark, _| Outcome::Unknown { gave_up: Some(mark) });
    }

    pub(super) fn answered(self, answer: Answer, time: u64) -> Process {
        self.complete(time, |returned, version| Outcome::Ok { returned, answer, version })
    }

    fn complete(self, time: u64, outcome: impl FnOnce(Mark, Option<u64>) -> Outcome) -> Process {
        let Open { process, pending, version, .. } = self;
        let alarm = lock(&process.log).complete(pending, time, |mark| outcome(mark, version));
        if let Some(alarm) = alarm {
            alarm.ring();
        }
        process
    }
}

impl Open<Read> {
    /// The read returned `value`.
    #[must_use = "the process can go on"]
    pub fn ok(self, value: Value, time: u64) -> Process {
        self.answered(Answer::Read(value), time)
    }

    /// The read of a set returned these elements, in any order.
    #[must_use = "the process can go on"]
    pub fn elements(self, values: Vec<Value>, time: u64) -> Process {
        self.answered(Answer::Elements(values), time)
    }
}

impl Open<Written> {
    /// It is acknowledged.
    #[must_use = "the process can go on"]
    pub fn ok(self, time: u64) -> Process {
        self.answered(Answer::Done, time)
    }
}

impl Open<Dequeue> {
    /// The dequeue took `value`; `Value::Null` says that the queue was empty.
    #[must_use = "the process can go on"]
    pub fn ok(self, value: Value, time: u64) -> Process {
        self.answered(Answer::Read(value), time)
    }
}

impl Open<Cas> {
    /// The CAS found what it expected and swapped.
    #[must_use = "the process can go on"]
    pub fn swapped(self, time: u64) -> Process {
        self.answered(Answer::Swapped, time)
    }

    /// The CAS was evaluated and did not swap; `seen` is what it found, if the answer says so.
    #[must_use = "the process can go on"]
    pub fn not_swapped(self, seen: Option<Value>, time: u64) -> Process {
        self.answered(Answer::NotSwapped { seen }, time)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for Open<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Open({})", self.pending.operation)
    }
}
