//! What a durable write costs: as the nodes of the bare pipeline write, and nothing else.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;

use super::WRITE;
use super::measured::Measured;
use crate::bare::{Storage, SyncedFile};

/// Bytes that are written before those that are overwritten are measured: a segment of the service's log.
const LENGTH: u64 = 16 << 20;

/// Writes to so many files at once, each from a thread of its own.
pub(super) fn syncs(dir: &Path, storage: Storage, files: usize, window: Duration) -> Result<Measured> {
    let paths: Vec<_> = (1..=files).map(|file| dir.join(format!("sync-{file}"))).collect();
    let mut opened = Vec::new();
    for path in &paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // Of a run whose end was sudden.
            result => result.with_context(|| format!("removing {}", path.display()))?,
        }
        opened.push(SyncedFile::create(path, storage, LENGTH)?);
    }
    let begin = Barrier::new(files);
    let measured = std::thread::scope(|scope| {
        let threads: Vec<_> =
            opened.into_iter().map(|file| scope.spawn(|| write(file, &begin, window))).collect();
        let mut all = Measured::default();
        for thread in threads {
            let one = thread.join().map_err(|_| anyhow!("a thread that synced has panicked"))?;
            all.add(&one.with_context(|| format!("syncing files in {}", dir.display()))?);
        }
        anyhow::Ok(all)
    });
    for path in &paths {
        fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
    }
    measured
}

fn write(mut file: SyncedFile, begin: &Barrier, window: Duration) -> Result<Measured> {
    let block = [Bytes::from(vec![7; WRITE])];
    let mut measured = Measured::default();
    begin.wait();
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < window {
        file.write(&block)?;
        let now = Instant::now();
        measured.note(now - last);
        last = now;
    }
    Ok(measured.within(last - begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_at_once_and_do_not_stay() {
        let dir = tempfile::tempdir_in(".").unwrap();
        fs::write(dir.path().join("sync-2"), "left behind").unwrap();
        for storage in Storage::ALL {
            let measured = syncs(dir.path(), storage, 3, Duration::from_millis(5)).unwrap();
            assert!(measured.quantile_ms(0.5) > 0.0);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
