//! What the fuzz targets check, without a fuzzer: their seeds, and changed copies of them.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../fuzz/checks/mod.rs"]
mod checks;

use std::fs;
use std::path::Path;

/// Changed copies of each seed.
const COPIES: usize = 40;

fn seeds(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut found = 0;
    let mut files: Vec<_> = fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let seed = fs::read(&file).unwrap();
        check(&seed);
        for _ in 0..COPIES {
            check(&changed(&seed, &mut rng));
        }
        found += 1;
    }
    assert!(found > 0, "no seeds in {}", dir.display());
}

/// A few bytes are others, or gone, or there twice.
fn changed(seed: &[u8], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut copy = seed.to_vec();
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(..=copy.len());
        match rng.u8(..4) {
            0 => copy.insert(at, rng.u8(..)),
            1 => copy.truncate(at.max(1)),
            2 => copy.extend_from_within(at..),
            _ => copy.get_mut(at).into_iter().for_each(|byte| *byte = rng.u8(..)),
        }
        copy.truncate(4096);
    }
    copy
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            seeds(stringify!($target), checks::$target::check);
        })*
    };
}
targets! { wire frames records damage snapshots core node }
