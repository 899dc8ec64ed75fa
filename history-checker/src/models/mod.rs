//! The specifications that come with the crate.

mod counter;
mod map;
mod queue;
mod register;
mod set;

pub use counter::{Counter, CounterOp};
pub use map::{KeyedMap, KeyedOp};
pub use queue::{Queue, QueueOp};
pub use register::{CasRegister, RegisterOp, ValueId};
pub use set::{Set, SetOp};
