//! Any client, recorded: its calls are noted before they leave and when they have answered.

use std::fmt;
use std::sync::Arc;

use super::{Process, Recorder};
use crate::value::{Key, Value};

/// One caller of a service, whose calls are recorded. Each task or thread has its own.
///
/// What came of a call is told from its result: `Ok` is an answer, and an error means that nobody knows, unless it is
/// one of those that say for certain that nothing was done. A call whose future is dropped, by a timeout say, stays
/// open, as it may still take effect.
///
/// ```
/// # async fn example() -> Result<(), history_checker::CheckError> {
/// use std::time::Instant;
/// use history_checker::{Client, ModelKind, Options, Recorder, check};
/// # struct Store;
/// # #[derive(Debug)] enum Error { Overloaded, Timeout }
/// # impl Store {
/// #     async fn put(&self, key: &str, value: u64) -> Result<(), Error> { Ok(()) }
/// #     async fn get(&self, key: &str) -> Result<Option<u64>, Error> { Ok(Some(7)) }
/// # }
/// # let store = Store;
///
/// let begun = Instant::now();
/// let now = move || begun.elapsed().as_nanos() as u64;
/// let recorder = Recorder::in_memory();
///
/// // For each caller. Only an overloaded store says that nothing was done.
/// let mut client = Client::new(&recorder, now, |error| matches!(error, Error::Overloaded));
/// let _ = client.write("k", 7_u64, store.put("k", 7)).await;
/// let _ = client.read("k", store.get("k")).await;
///
/// let report = check(&recorder.history(), ModelKind::Map, &Options::default())?;
/// assert!(report.is_linearizable(), "{report}");
/// # Ok(())
/// # }
/// ```
pub struct Client<E> {
    recorder: Recorder,
    /// None after a call of which nobody knows what came of it.
    process: Option<Process>,
    now: Arc<dyn Fn() -> u64 + Send + Sync>,
    not_applied: fn(&E) -> bool,
}

/// What a compare-and-set answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It found what it expected.
    Swapped,
    /// It did not, but this, if it says so.
    NotSwapped(Option<Value>),
}

impl From<bool> for Swap {
    fn from(swapped: bool) -> Swap {
        if swapped { Swap::Swapped } else { Swap::NotSwapped(None) }
    }
}

impl<E> Client<E> {
    /// `now` is any one clock, in nanoseconds; `not_applied` says which errors are certain to mean that nothing was
    /// done, now or later: a refusal, never a timeout.
    pub fn new(
        recorder: &Recorder,
        now: impl Fn() -> u64 + Send + Sync + 'static,
        not_applied: fn(&E) -> bool,
    ) -> Client<E> {
        Client { recorder: recorder.clone(), process: None, now: Arc::new(now), not_applied }
    }

    /// Records a read.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn read<V: Clone + Into<Value>>(
        &mut self,
        key: impl Into<Key>,
        call: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let open = self.process().read(Some(key.into()), (self.now)());
        let result = call.await;
        let now = (self.now)();
        self.process = match &result {
            Ok(value) => Some(open.ok(value.clone().into(), now)),
            Err(error) => self.failed(open, error, now),
        };
        result
    }

    /// Records a write.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn write<T>(
        &mut self,
        key: impl Into<Key>,
        value: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let open = self.process().write(Some(key.into()), value.into(), (self.now)());
        let result = call.await;
        let now = (self.now)();
        self.process = match &result {
            Ok(_) => Some(open.ok(now)),
            Err(error) => self.failed(open, error, now),
        };
        result
    }

    /// Records a compare-and-set. Its answer is a `bool`, or a [`Swap`] that says what was found instead.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn cas<T: Clone + Into<Swap>>(
        &mut self,
        key: impl Into<Key>,
        from: impl Into<Value>,
        to: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let open = self.process().cas(Some(key.into()), from.into(), to.into(), (self.now)());
        let result = call.await;
        let now = (self.now)();
        self.process = match &result {
            Ok(answer) => Some(match answer.clone().into() {
                Swap::Swapped => open.swapped(now),
                Swap::NotSwapped(seen) => open.not_swapped(seen, now),
            }),
            Err(error) => self.failed(open, error, now),
        };
        result
    }

    /// Taken out for the time of the call: should that never end, the next one is a fresh process's.
    fn process(&mut self) -> Process {
        self.process.take().unwrap_or_else(|| self.recorder.process())
    }

    fn failed<A>(&self, open: super::Open<A>, error: &E, now: u64) -> Option<Process> {
        if (self.not_applied)(error) {
            return Some(open.not_applied(now));
        }
        open.unknown(now);
        None
    }
}

impl<E> fmt::Debug for Client<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("process", &self.process.as_ref().map(Process::id))
            .finish_non_exhaustive()
    }
}
