//! Which operation is next: kind, key, value. The same choices for the same seed, whatever the service answers.

use bytes::Bytes;

use super::{Ending, LoadArgs, Target};

/// Begins every key of a load, so that they are not taken for anyone's data.
pub const KEY_PREFIX: &str = "load/";

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
        let mut value = format!("{}.{}", self.written, self.client).into_bytes();
        value.resize(self.value_bytes, b'.');
        value.into()
    }
}

fn key(number: u64) -> Bytes {
    format!("{KEY_PREFIX}{number}").into()
}

impl Operation {
    pub(super) async fn carry_out(self, target: &impl Target) -> Ending {
        match self {
            Operation::Put { key, value } => target.put(key, value).await,
            Operation::Get { key } => target.get(key).await,
        }
    }
}
