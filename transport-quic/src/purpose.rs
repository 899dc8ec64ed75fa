//! What a connection between two nodes is for: each pair has one of each kind in each direction, at most.

use raft::wire::Class;

use crate::hello::{HELLO, HELLO_SNAPSHOTS};

/// What a connection is for; the first frame on it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Control frames and entries.
    Messages,
    /// Pieces of snapshots. quinn's send window and the peer's credit are for a whole connection: on
    /// that of the messages, a snapshot that fills them would hold up heartbeats.
    Snapshots,
}

impl Purpose {
    pub(crate) const ALL: [Purpose; 2] = [Purpose::Messages, Purpose::Snapshots];

    /// The kind of the Hello with which it begins.
    pub(crate) fn hello(self) -> u8 {
        match self {
            Purpose::Messages => HELLO,
            Purpose::Snapshots => HELLO_SNAPSHOTS,
        }
    }

    /// What may be sent on the stream that Hello came on.
    pub(crate) fn first_stream(self) -> Class {
        match self {
            Purpose::Messages => Class::Control,
            Purpose::Snapshots => Class::Snapshot,
        }
    }
}
