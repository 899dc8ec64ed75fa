//! Writing a history down while it happens, with types that cannot file a timeout as a failure.
//!
//! | file | what |
//! |---|---|
//! | `client` | any async client, recorded |
//! | `key` | how a caller names what it asks of |
//! | `process` | one caller and the operation that it has under way |
//! | `log` | what is recorded, and who hears of it |

mod client;
mod key;
mod log;
mod process;

use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

pub use client::{Client, Swap};
pub use key::IntoKey;
pub use process::{Cas, Dequeue, Open, Process, Read, Written};

use log::{Log, lock};

use crate::history::{FaultEdge, History};
use crate::stream::{Checker, Contradiction, StreamReport};

/// Records the operations of many concurrent clients, in memory and as JSON lines. Clones share one log.
///
/// Time is given by the caller, in nanoseconds on any one clock. What counts as real time is the order of the calls:
/// invoke *before* the request leaves, complete *after* the answer has arrived.
///
/// A failing writer does not disturb the clients: [`Recorder::flush`] reports it.
///
/// ```
/// use history_checker::{Recorder, Value};
///
/// let recorder = Recorder::in_memory();
/// let client = recorder.process();
/// let pending = client.write(None, Value::from(1), 10);
/// // … the request is sent and the answer arrives …
/// let client = pending.ok(20);
///
/// let pending = client.read(None, 30);
/// // … no answer: the process is given up, and a fresh one goes on.
/// pending.unknown(40);
/// let client = recorder.process();
/// assert_eq!(client.id(), 1);
/// assert_eq!(recorder.history().operations().len(), 2);
/// ```
///
/// A run of any length needs a recorder that [`Forgets`]:
///
/// ```
/// use history_checker::{Checker, Recorder, Value};
///
/// let file = std::io::sink();
/// let recorder = Recorder::watching(file, Checker::default(), |found| eprintln!("{}", found.sentence));
/// let client = recorder.process().write(None, Value::from(1), 10).ok(20);
/// let report = recorder.report();
/// assert_eq!((report.counts.completed, report.violations.len()), (1, 0));
/// ```
pub struct Recorder<K = Keeps> {
    log: Arc<Mutex<Log>>,
    keeps: PhantomData<fn() -> K>,
}

/// Says of a [`Recorder`] that it has the whole history in memory.
#[derive(Debug)]
pub enum Keeps {}
/// Says of a [`Recorder`] that it has in memory what is in flight, and that the history is in its file alone.
#[derive(Debug)]
pub enum Forgets {}

impl Recorder {
    /// Keeps the history in memory and streams every event to `sink` as a line. Give it a buffered writer.
    pub fn new(sink: impl Write + Send + 'static) -> Recorder {
        Recorder::with(Log::new(Some(Box::new(sink)), Some(History::default())))
    }

    /// Keeps the history in memory only.
    #[must_use]
    pub fn in_memory() -> Recorder {
        Recorder::with(Log::new(None, Some(History::default())))
    }

    /// Has everything checked while it happens, from the first operation on: what was recorded before is checked at
    /// once. `tell` hears of each contradiction when it is recorded, on the thread of the client whose answer shows
    /// it; it may use the recorder.
    pub fn watch(&self, checker: Checker, tell: impl Fn(&Contradiction) + Send + Sync + 'static) {
        let alarms = lock(&self.log).watch(checker, Arc::new(tell));
        alarms.into_iter().for_each(log::Alarm::ring);
    }

    /// A copy of everything recorded so far. Operations under way are open in it.
    #[must_use]
    pub fn history(&self) -> History {
        lock(&self.log).kept().cloned().unwrap_or_default()
    }
}

impl Recorder<Forgets> {
    /// Streams every event to `sink` as a line, and keeps nothing but what is in flight.
    pub fn streaming(sink: impl Write + Send + 'static) -> Recorder<Forgets> {
        Recorder::with(Log::new(Some(Box::new(sink)), None))
    }

    /// As [`Recorder::streaming`], and checks everything while it happens. `tell` is as in [`Recorder::watch`].
    pub fn watching(
        sink: impl Write + Send + 'static,
        checker: Checker,
        tell: impl Fn(&Contradiction) + Send + Sync + 'static,
    ) -> Recorder<Forgets> {
        let recorder = Recorder::streaming(sink);
        // Nothing is recorded yet, so there is nothing to tell.
        let _none = lock(&recorder.log).watch(checker, Arc::new(tell));
        recorder
    }
}

impl<K> Recorder<K> {
    fn with(log: Log) -> Recorder<K> {
        Recorder { log: Arc::new(Mutex::new(log)), keeps: PhantomData }
    }

    /// A process with an id that this recorder has not given out before.
    #[must_use]
    pub fn process(&self) -> Process {
        Process::fresh(&self.log)
    }

    /// Notes that a fault begins or ends.
    pub fn fault(&self, name: &str, edge: FaultEdge, time: u64) {
        lock(&self.log).fault(name, edge, time);
    }

    /// What was found while it happened; nothing at all if nobody watches.
    #[must_use]
    pub fn report(&self) -> StreamReport {
        lock(&self.log).report()
    }

    /// Pushes buffered lines out.
    ///
    /// # Errors
    /// The writer's first error, now and at every later call; the lines after it were not written.
    pub fn flush(&self) -> io::Result<()> {
        lock(&self.log).flush()
    }
}

impl<K> Clone for Recorder<K> {
    fn clone(&self) -> Recorder<K> {
        Recorder { log: Arc::clone(&self.log), keeps: PhantomData }
    }
}

impl<K> fmt::Debug for Recorder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("lines", &lock(&self.log).lines()).finish()
    }
}
