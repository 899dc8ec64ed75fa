//! Linearizability checking of recorded histories: types, models, engines, CLI.

#![forbid(unsafe_code)]

pub mod format;
pub mod history;
mod recorder;
mod value;

pub use history::{Action, Answer, FaultEdge, History, Mark, Operation, Outcome};
pub use recorder::{Cas, Open, Process, Read, Recorder, Written};
pub use value::{Key, Value};
