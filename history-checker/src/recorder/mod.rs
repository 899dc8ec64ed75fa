//! Writing a history down while it happens, with types that cannot file a timeout as a failure.

mod client;

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use client::{Client, Swap};

use crate::format::{Completion, End, Event, jsonl};
use crate::history::{Action, Answer, FaultEdge, History};
use crate::stream::{Checker, Violation};
use crate::value::{Key, Value};

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
/// let pending = client.write(None, Value::from(1_i64), 10);
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
#[derive(Clone)]
pub struct Recorder {
    log: Arc<Mutex<Log>>,
}

/// A client that has no operation under way. Invoking consumes it, and only a known outcome gives it back, so no
/// process ever has two operations open, nor acts again after an unknown outcome.
pub struct Process {
    id: u64,
    log: Arc<Mutex<Log>>,
}

/// An operation under way. `A` says what its answer looks like: [`Read`], [`Write`](Written) or [`Cas`].
///
/// Dropping it leaves the operation open, like [`Open::unknown`] without the line.
#[must_use = "say what came of the operation; dropped, it stays open for ever"]
pub struct Open<A> {
    process: Process,
    operation: usize,
    version: Option<u64>,
    answer: PhantomData<A>,
}

/// Marks an open read.
pub enum Read {}
/// Marks an open write.
pub enum Written {}
/// Marks an open CAS.
pub enum Cas {}

struct Log {
    history: History,
    processes: u64,
    sink: Option<Box<dyn Write + Send>>,
    failure: Option<io::Error>,
    watch: Option<Watch>,
}

/// A checker that sees every operation, and who hears of what it finds.
struct Watch {
    checker: Checker,
    tell: Box<dyn FnMut(&Violation) + Send>,
}

impl Recorder {
    /// Keeps the history in memory and streams every event to `sink` as a line. Give it a buffered writer.
    pub fn new(sink: impl Write + Send + 'static) -> Recorder {
        Recorder::with(Some(Box::new(sink)))
    }

    /// Keeps the history in memory only.
    #[must_use]
    pub fn in_memory() -> Recorder {
        Recorder::with(None)
    }

    fn with(sink: Option<Box<dyn Write + Send>>) -> Recorder {
        let log = Log { history: History::default(), processes: 0, sink, failure: None, watch: None };
        Recorder { log: Arc::new(Mutex::new(log)) }
    }

    /// A process with an id that this recorder has not given out before.
    #[must_use]
    pub fn process(&self) -> Process {
        let mut log = lock(&self.log);
        let id = log.processes;
        log.processes += 1;
        Process { id, log: Arc::clone(&self.log) }
    }

    /// Notes that a fault begins or ends.
    pub fn fault(&self, name: &str, edge: FaultEdge, time: u64) {
        let mut log = lock(&self.log);
        let line = log.history.next_line();
        let at = log.history.advance(line, time);
        log.history.add_fault(name.to_owned(), edge, at);
        log.stream(|sink, _| jsonl::write_fault(sink, name, edge, time));
    }

    /// Has everything that is invoked from now on checked while it happens; `tell` hears of each violation at once,
    /// on the thread of the client whose answer shows it.
    pub fn watch(&self, checker: Checker, tell: impl FnMut(&Violation) + Send + 'static) {
        lock(&self.log).watch = Some(Watch { checker, tell: Box::new(tell) });
    }

    /// A copy of everything recorded so far. Operations under way are open in it.
    #[must_use]
    pub fn history(&self) -> History {
        lock(&self.log).history.clone()
    }

    /// Pushes buffered lines out.
    ///
    /// # Errors
    /// The writer's first error, now and at every later call; the lines after it were not written.
    pub fn flush(&self) -> io::Result<()> {
        let mut log = lock(&self.log);
        log.stream(|sink, _| sink.flush());
        match &log.failure {
            Some(failure) => Err(io::Error::new(failure.kind(), failure.to_string())),
            None => Ok(()),
        }
    }
}

impl Process {
    /// The number that stands in the history.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A read is about to be sent.
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

    fn invoke<A>(self, key: Option<Key>, action: Action, time: u64) -> Open<A> {
        let mut log = lock(&self.log);
        let line = log.history.next_line();
        let invoked = log.history.advance(line, time);
        log.show(line, || Event::Invoke { process: self.id, key: key.clone(), action: action.clone(), time });
        let operation = log.history.invoke(self.id, key, action, invoked);
        log.stream(|sink, history| jsonl::write_invocation(sink, &history.operations()[operation]));
        drop(log);
        Open { process: self, operation, version: None, answer: PhantomData }
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
        self.complete(time, End::Fail)
    }

    /// Nobody knows. The process ends here; take a fresh one from [`Recorder::process`].
    pub fn unknown(self, time: u64) {
        let _ended = self.complete(time, End::Info);
    }

    fn answered(self, answer: Answer, time: u64) -> Process {
        let version = self.version;
        self.complete(time, End::Ok { answer, repeated: None, version })
    }

    fn complete(self, time: u64, end: End) -> Process {
        let mut log = lock(&self.process.log);
        let line = log.history.next_line();
        let mark = log.history.advance(line, time);
        let op = log.history.operations()[self.operation].action.name();
        let process = self.process.id;
        log.show(line, || Event::Complete(Completion { process, op, key: None, end: end.clone(), time }));
        log.history.complete(self.operation, end.outcome(mark));
        log.stream(|sink, history| jsonl::write_completion(sink, &history.operations()[self.operation]));
        drop(log);
        self.process
    }
}

impl Open<Read> {
    /// The read returned `value`.
    #[must_use = "the process can go on"]
    pub fn ok(self, value: Value, time: u64) -> Process {
        self.answered(Answer::Read(value), time)
    }
}

impl Open<Written> {
    /// The write is acknowledged.
    #[must_use = "the process can go on"]
    pub fn ok(self, time: u64) -> Process {
        self.answered(Answer::Done, time)
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

impl Log {
    /// The checker has not seen what was invoked before it came, and says so; that is no violation.
    fn show(&mut self, line: usize, event: impl FnOnce() -> Event) {
        let Some(Watch { checker, tell }) = &mut self.watch else { return };
        if let Ok(Some(violation)) = checker.observe(line, event()) {
            tell(violation);
        }
    }

    /// After its first error the sink gets nothing more: a gap in a history would be a lie.
    fn stream(&mut self, line: impl FnOnce(&mut dyn Write, &History) -> io::Result<()>) {
        let Some(sink) = self.sink.as_mut() else { return };
        if let Err(failure) = line(sink.as_mut(), &self.history) {
            self.failure = Some(failure);
            self.sink = None;
        }
    }
}

/// A client that panicked elsewhere must not silence the others; every change of the log is complete on its own.
fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("operations", &lock(&self.log).history.operations().len()).finish()
    }
}
