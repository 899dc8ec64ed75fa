//! Testing something that has nothing to do with replication: a map behind a mutex, and one whose reads go past it.
//! `cargo run -p history-checker --example map`
#![allow(clippy::disallowed_methods, reason = "it is the clock's owner")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use history_checker::{Checker, Client, ModelKind, Options, Recorder, Report, check};

/// Anything with these two calls.
trait Store: Send + Sync + 'static {
    fn put(&self, key: &str, value: u64);
    fn get(&self, key: &str) -> Option<u64>;
}

/// Right: every call holds the lock.
#[derive(Default)]
struct Locked(Mutex<HashMap<String, u64>>);

impl Store for Locked {
    fn put(&self, key: &str, value: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value);
    }

    fn get(&self, key: &str) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

/// Wrong: reads are served from a copy that is made anew now and then.
#[derive(Default)]
struct Cached {
    map: Locked,
    copy: RwLock<HashMap<String, u64>>,
}

impl Store for Cached {
    fn put(&self, key: &str, value: u64) {
        self.map.put(key, value);
        if value.is_multiple_of(16) {
            let map = self.map.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.copy.write().unwrap_or_else(PoisonError::into_inner) = map;
        }
    }

    fn get(&self, key: &str) -> Option<u64> {
        self.copy.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

/// Four callers, each with operations on one of two keys. Values are unique.
async fn exercise(store: Arc<impl Store>) -> Recorder {
    let recorder = Recorder::in_memory();
    recorder.watch(Checker::default(), |violation| {
        println!("  at line {}: {}", violation.line, violation.sentence);
    });
    let begun = Instant::now();
    let now = move || u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..4_u64 {
        let (store, mut client) =
            (store.clone(), Client::new(&recorder, now, |never: &Infallible| match *never {}));
        callers.spawn(async move {
            for turn in 0..100 {
                let (key, value) = (if turn % 2 == 0 { "x" } else { "y" }, turn * 4 + caller);
                let put = async {
                    store.put(key, value);
                    Ok(())
                };
                let Ok(()) = client.write(key, value, put).await;
                tokio::time::sleep(Duration::from_micros(50)).await;
                let Ok(_) = client.read(key, async { Ok(store.get(key)) }).await;
            }
        });
    }
    callers.join_all().await;
    recorder
}

fn judge(name: &str, recorder: &Recorder) -> Result<Report, history_checker::CheckError> {
    let report = check(&recorder.history(), ModelKind::Map, &Options::default())?;
    println!("{name}: {report}");
    Ok(report)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("The map behind a mutex, while it is used:");
    let locked = judge("locked", &exercise(Arc::new(Locked::default())).await)?;
    println!("\nThe one that reads a copy:");
    let cached = judge("cached", &exercise(Arc::new(Cached::default())).await)?;
    if !locked.is_linearizable() || cached.is_linearizable() {
        return Err("one of them was misjudged".into());
    }
    Ok(())
}
