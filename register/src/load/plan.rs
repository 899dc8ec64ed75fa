//! Which operation is next: kind, key, value. The same choices for the same seed, whatever the service answers.

use std::io::Write as _;

use bytes::Bytes;

use super::{Ending, LoadArgs, Target};

/// Begins every key of a load, so that they are not taken for anyone's data.
pub const KEY_PREFIX: &str = "load/";

/// Digits of a number, at most.
const NUMBER: usize = 20;
/// Bytes of two numbers and a dot.
const NUMBERS: usize = 2 * NUMBER + 1;

/// One client's choices.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    rng: fastrand::Rng,
    client: u64,
    written: u64,
    reads: u32,
    keys: u64,
    value_bytes: usize,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Sets a key.
    Put { key: Bytes, value: Bytes },
    /// Reads it.
    Get { key: Bytes },
}

impl Plan {
    /// Of client `client`, counted from 0.
    pub(super) fn new(args: &LoadArgs, client: u64) -> Plan {
        let seed = args.seed.wrapping_mul(1_000_003).wrapping_add(client);
        Plan {
            rng: fastrand::Rng::with_seed(seed),
            client,
            written: 0,
            reads: args.reads,
            keys: args.keys,
            value_bytes: args.value_bytes,
        }
    }

    /// Draws the next one.
    pub(super) fn next(&mut self) -> Operation {
        let key = key(self.rng.u64(..self.keys));
        if self.rng.u32(..100) < self.reads {
            return Operation::Get { key };
        }
        Operation::Put { key, value: self.value() }
    }

    /// Sets a certain key.
    pub(super) fn put(&mut self, number: u64) -> Operation {
        Operation::Put { key: key(number), value: self.value() }
    }

    /// No two puts of a load write the same, if there is room for the numbers of client and put.
    fn value(&mut self) -> Bytes {
        self.written += 1;
        // Nothing grows and nothing is copied: what a load costs itself is measured with the rest.
        let mut value = Vec::with_capacity(self.value_bytes.max(NUMBERS));
        // A vector takes all that is written to it.
        let _ = write!(value, "{}.{}", self.written, self.client);
        value.resize(self.value_bytes, b'.');
        value.into()
    }
}

fn key(number: u64) -> Bytes {
    let mut key = [0; KEY_PREFIX.len() + NUMBER];
    let mut rest = key.as_mut_slice();
    // There is room for any number.
    let _ = write!(rest, "{KEY_PREFIX}{number}");
    let left = rest.len();
    Bytes::copy_from_slice(&key[..key.len() - left])
}

impl Operation {
    pub(super) async fn carry_out(self, target: &impl Target) -> Ending {
        match self {
            Operation::Put { key, value } => target.put(key, value).await,
            Operation::Get { key } => target.get(key).await,
        }
    }
}
