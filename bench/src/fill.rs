//! Many writes at once, to make a log long or a state large. What is measured is elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use register::Client;
use tokio::task::JoinSet;

/// What is written.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// Writes.
    pub count: u64,
    /// Keys that take turns.
    pub keys: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Writes under way at the same time.
    pub at_once: u64,
}

/// One write may take so long; more means that the cluster does not work.
const PATIENCE: Duration = Duration::from_secs(60);

impl Fill {
    /// Of a state of so many bytes: large values, each key once.
    #[must_use]
    pub fn state(bytes: u64) -> Fill {
        const VALUE: u32 = 128 << 10;
        let count = bytes.div_ceil(u64::from(VALUE));
        Fill { count, keys: count, value_bytes: VALUE as usize, at_once: 16 }
    }

    /// Of entries of 256 bytes on some thousand keys.
    #[must_use]
    pub fn entries(count: u64) -> Fill {
        Fill { count, keys: 10_000, value_bytes: 256, at_once: 512 }
    }

    /// Writes it all, on keys that no other load has; returns when all of it is acknowledged.
    pub async fn write(self, client: &Client) -> Result<()> {
        let next = Arc::new(AtomicU64::new(0));
        let mut writers = JoinSet::new();
        for _ in 0..self.at_once.min(self.count) {
            let (client, next) = (client.clone(), next.clone());
            writers.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= self.count {
                        return Ok(());
                    }
                    let key = format!("fill-{}", number % self.keys);
                    client.put(key, self.value(number), PATIENCE).await.map_err(|error| (number, error))?;
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            if let Err((number, error)) = writer.context("a writer panicked")? {
                bail!("write {number} of {}, to make the state large: {error}", self.count);
            }
        }
        Ok(())
    }

    /// Differs from write to write.
    fn value(&self, number: u64) -> Bytes {
        let byte = number.to_le_bytes()[0];
        let mut value = number.to_string().into_bytes();
        value.resize(self.value_bytes.max(value.len()), byte);
        Bytes::from(value)
    }
}
