//! Any client, recorded: its calls are noted before they leave and when they have answered.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::Recorder;
use super::key::IntoKey;
use super::log::Log;
use super::process::{Open, Process};
use crate::value::Value;

/// One caller of a service, whose calls are recorded. Each task or thread has its own.
///
/// What came of a call is told from its result: `Ok` is an answer, and an error means that nobody knows, unless it is
/// one of those that say for certain that nothing was done. A call whose future is dropped, by a timeout say, stays
/// open, as it may still take effect.
///
/// The key is `()` where the service is a single object.
///
/// ```
/// use std::time::Instant;
/// use history_checker::{Client, ModelKind, Options, Recorder, check};
/// # struct Store;
/// # #[derive(Debug)] enum Error { Overloaded, Timeout }
/// # impl Store {
/// #     async fn put(&self, key: &str, value: u64) -> Result<(), Error> {
/// #         if value > 7 { Err(Error::Timeout) } else { Ok(()) }
/// #     }
/// #     async fn get(&self, key: &str) -> Result<Option<u64>, Error> { Ok(Some(7)) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), history_checker::CheckError> {
/// # let store = Store;
///
/// let begun = Instant::now();
/// let now = move || begun.elapsed().as_nanos() as u64;
/// let recorder = Recorder::in_memory();
///
/// // For each caller. Only an overloaded store says that nothing was done.
/// let mut client = Client::new(&recorder, now, |error| matches!(error, Error::Overloaded));
/// let _ = client.write("k", 7, store.put("k", 7)).await;
/// let _ = client.write("k", 8, store.put("k", 8)).await;
/// let _ = client.read("k", store.get("k")).await;
///
/// let report = check(&recorder.history(), ModelKind::Map, &Options::default())?;
/// assert!(report.is_linearizable(), "{report}");
/// assert_eq!((report.counts().completed, report.counts().open), (2, 1));
/// # Ok(())
/// # }
/// ```
pub struct Client<E> {
    log: Arc<Mutex<Log>>,
    /// None after a call of which nobody knows what came of it.
    process: Option<Process>,
    now: Arc<dyn Fn() -> u64 + Send + Sync>,
    not_applied: Arc<dyn Fn(&E) -> bool + Send + Sync>,
}

/// What a compare-and-set answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It found what it expected.
    Swapped,
    /// It did not, but this, if it says so.
    NotSwapped(Option<Value>),
}

impl<E> Client<E> {
    /// `now` is any one clock, in nanoseconds; `not_applied` says which errors are certain to mean that nothing was
    /// done, now or later: a refusal, never a timeout.
    pub fn new<K>(
        recorder: &Recorder<K>,
        now: impl Fn() -> u64 + Send + Sync + 'static,
        not_applied: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Client<E> {
        let log = Arc::clone(&recorder.log);
        Client { log, process: None, now: Arc::new(now), not_applied: Arc::new(not_applied) }
    }

    /// Records a read of a register or a counter.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn read<V: Clone + Into<Value>>(
        &mut self,
        key: impl IntoKey,
        call: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        self.read_versioned(key, call, |value| (value.clone().into(), None)).await
    }

    /// Records a read whose answer names a version: `seen` says what was read, and of which one.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn read_versioned<T>(
        &mut self,
        key: impl IntoKey,
        call: impl Future<Output = Result<T, E>>,
        seen: impl FnOnce(&T) -> (Value, Option<u64>),
    ) -> Result<T, E> {
        let open = self.process().read(key.into_key(), (self.now)());
        self.ended(open, call.await, |open, answer, now| {
            let (value, version) = seen(answer);
            at(open, version).ok(value, now)
        })
    }

    /// Records a read of all elements of a set.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn elements<V: Clone + Into<Value>>(
        &mut self,
        key: impl IntoKey,
        call: impl Future<Output = Result<Vec<V>, E>>,
    ) -> Result<Vec<V>, E> {
        let open = self.process().read(key.into_key(), (self.now)());
        let values = |all: &Vec<V>| all.iter().cloned().map(Into::into).collect();
        self.ended(open, call.await, |open, answer, now| open.elements(values(answer), now))
    }

    /// Records a write.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn write<T>(
        &mut self,
        key: impl IntoKey,
        value: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.write_versioned(key, value, call, |_| None).await
    }

    /// Records a write whose answer names a version.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn write_versioned<T>(
        &mut self,
        key: impl IntoKey,
        value: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
        version: impl FnOnce(&T) -> Option<u64>,
    ) -> Result<T, E> {
        let open = self.process().write(key.into_key(), value.into(), (self.now)());
        self.ended(open, call.await, |open, answer, now| at(open, version(answer)).ok(now))
    }

    /// Records a compare-and-set. Its answer is a `bool`, or a [`Swap`] that says what was found instead.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn cas<T: Clone + Into<Swap>>(
        &mut self,
        key: impl IntoKey,
        from: impl Into<Value>,
        to: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.cas_versioned(key, from, to, call, |answer| (answer.clone().into(), None)).await
    }

    /// Records a compare-and-set whose answer names a version: `swap` says what it did, and of which one.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn cas_versioned<T>(
        &mut self,
        key: impl IntoKey,
        from: impl Into<Value>,
        to: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
        swap: impl FnOnce(&T) -> (Swap, Option<u64>),
    ) -> Result<T, E> {
        let open = self.process().cas(key.into_key(), from.into(), to.into(), (self.now)());
        self.ended(open, call.await, |open, answer, now| match swap(answer) {
            (Swap::Swapped, version) => at(open, version).swapped(now),
            (Swap::NotSwapped(seen), version) => at(open, version).not_swapped(seen, now),
        })
    }

    /// Records an add: a number to a counter, or an element to a set.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn add<T>(
        &mut self,
        key: impl IntoKey,
        value: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let open = self.process().add(key.into_key(), value.into(), (self.now)());
        self.ended(open, call.await, |open, _, now| open.ok(now))
    }

    /// Records the removal of an element from a set.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn remove<T>(
        &mut self,
        key: impl IntoKey,
        value: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let open = self.process().remove(key.into_key(), value.into(), (self.now)());
        self.ended(open, call.await, |open, _, now| open.ok(now))
    }

    /// Records an enqueue.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn enqueue<T>(
        &mut self,
        key: impl IntoKey,
        value: impl Into<Value>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let open = self.process().enqueue(key.into_key(), value.into(), (self.now)());
        self.ended(open, call.await, |open, _, now| open.ok(now))
    }

    /// Records a dequeue; `None` and null say that the queue was empty.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn dequeue<V: Clone + Into<Value>>(
        &mut self,
        key: impl IntoKey,
        call: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let open = self.process().dequeue(key.into_key(), (self.now)());
        self.ended(open, call.await, |open, value, now| open.ok(value.clone().into(), now))
    }

    /// Taken out for the time of the call: should that never end, the next one is a fresh process's.
    fn process(&mut self) -> Process {
        self.process.take().unwrap_or_else(|| Process::fresh(&self.log))
    }

    fn ended<A, T>(
        &mut self,
        open: Open<A>,
        result: Result<T, E>,
        answered: impl FnOnce(Open<A>, &T, u64) -> Process,
    ) -> Result<T, E> {
        let now = (self.now)();
        match &result {
            Ok(answer) => self.process = Some(answered(open, answer, now)),
            Err(error) if (self.not_applied)(error) => self.process = Some(open.not_applied(now)),
            Err(_) => open.unknown(now),
        }
        result
    }
}

fn at<A>(open: Open<A>, version: Option<u64>) -> Open<A> {
    match version {
        Some(version) => open.at_version(version),
        None => open,
    }
}

impl From<bool> for Swap {
    fn from(swapped: bool) -> Swap {
        if swapped { Swap::Swapped } else { Swap::NotSwapped(None) }
    }
}

impl<E> fmt::Debug for Client<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("process", &self.process.as_ref().map(Process::id))
            .finish_non_exhaustive()
    }
}
