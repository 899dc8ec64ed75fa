//! What is replicated: bytes, which are not looked at.

use std::fmt;

use bytes::Bytes;

/// A command's bytes, shared by all that hold it.
#[derive(Clone, Debug)]
pub struct Command(pub Bytes);

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

openraft::declare_raft_types!(
    /// Commands without an answer.
    pub Types: D = Command, R = ()
);
