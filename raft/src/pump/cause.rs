//! Why a node ends.

use crate::consensus::types::LogIndex;
use crate::server::Fatal;
use crate::storage::StorageError;

/// Why a node ended. Every call on its handle answers this, for ever after.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StopCause {
    #[error("the node was asked to stop")]
    Requested,
    #[error("the node's task was dropped")]
    Dropped,
    #[error("storage failed: {0}")]
    Storage(String),
    #[error("an invariant of this node's own state is broken: {0}")]
    Invariant(String),
    #[error("the state machine panicked applying entry {index}: {panic}")]
    ApplyPanicked { index: LogIndex, panic: String },
    #[error("bootstrap refused: {0}")]
    Bootstrap(String),
}

impl From<StorageError> for StopCause {
    fn from(error: StorageError) -> StopCause {
        StopCause::Storage(error.to_string())
    }
}

impl From<Fatal> for StopCause {
    fn from(fatal: Fatal) -> StopCause {
        match fatal {
            Fatal::ApplyPanicked { index, panic } => StopCause::ApplyPanicked { index, panic },
            fatal => StopCause::Invariant(fatal.to_string()),
        }
    }
}
