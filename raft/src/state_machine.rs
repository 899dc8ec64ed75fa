//! The trait that a user implements: what is replicated.

use std::io;

use bytes::Bytes;

use crate::consensus::types::LogIndex;

/// A deterministic state machine (paper §2): the same commands in the same order give the same
/// state and the same answers on every node. Nothing in it may ask a clock, draw at random, or
/// iterate over a hash map.
pub trait StateMachine: Send + 'static {
    /// A frozen view of the state, see [`StateMachine::snapshot`].
    type Snapshot: Snapshot;

    /// Applies a committed command and answers it. Called in log order, once per entry, on the
    /// thread that owns the protocol: keep it short. A panic here stops the node.
    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Bytes;

    /// Answers a question without changing anything. Called when the read is linearizable.
    fn query(&self, query: &Bytes) -> Bytes;

    /// A view of the state as it is now. Must be cheap: it is called between two entries; the
    /// expensive part is [`Snapshot::write_to`], which runs elsewhere.
    fn snapshot(&self) -> Self::Snapshot;

    /// Builds the state that [`Snapshot::write_to`] wrote.
    fn restore(source: &mut dyn io::Read) -> io::Result<Self>
    where
        Self: Sized;
}

/// A frozen view that serialises itself, on another thread, while the state machine goes on.
pub trait Snapshot: Send + 'static {
    /// Writes the whole state.
    fn write_to(&self, sink: &mut dyn io::Write) -> io::Result<()>;
}

/// For a state so small that serialising it at once costs nothing.
impl Snapshot for Bytes {
    fn write_to(&self, sink: &mut dyn io::Write) -> io::Result<()> {
        sink.write_all(self)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Answers what it is given.
    pub(crate) struct Echo;

    impl StateMachine for Echo {
        type Snapshot = Bytes;

        fn apply(&mut self, _: LogIndex, command: &Bytes) -> Bytes {
            command.clone()
        }

        fn query(&self, query: &Bytes) -> Bytes {
            query.clone()
        }

        fn snapshot(&self) -> Bytes {
            Bytes::new()
        }

        fn restore(_: &mut dyn io::Read) -> io::Result<Echo> {
            Ok(Echo)
        }
    }
}
