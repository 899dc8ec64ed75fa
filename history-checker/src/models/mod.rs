//! The specifications that come with the crate.

mod map;
mod register;

pub use map::{KeyedMap, KeyedOp};
pub use register::{CasRegister, RegisterOp, ValueId};
