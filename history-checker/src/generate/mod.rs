//! Histories by shape and seed: clients of a correct object, seen from outside, with what may go wrong on the way to
//! it and, on request, what must never go wrong.
//!
//! The same [`Shape`] and the same state of the generator give the same history, on every machine.
//!
//! ```
//! use history_checker::generate::{Plant, Rng, Shape, generate};
//! use history_checker::{ModelKind, Options, check};
//!
//! let shape = Shape { open: 3, ..Shape::plain(10, 1_000) };
//! let history = generate(&shape, &mut Rng::with_seed(1)).unwrap();
//! assert!(check(&history, ModelKind::Register, &Options::default()).unwrap().is_linearizable());
//!
//! let shape = Shape { plants: vec![Plant::StaleRead], ..shape };
//! let history = generate(&shape, &mut Rng::with_seed(1)).unwrap();
//! assert!(!check(&history, ModelKind::Register, &Options::default()).unwrap().is_linearizable());
//! ```

mod object;
mod plant;
mod shape;
mod sink;
mod world;

use std::io;

pub use fastrand::Rng;

pub use plant::Plant;
pub use shape::{FailedAnswer, Shape, ShapeError};
pub use sink::{Lines, Sink, Written};

use crate::history::History;
use sink::InMemory;
use world::World;

/// Runs the clients of `shape` and returns what they saw.
///
/// # Errors
/// When the shape contradicts itself.
pub fn generate(shape: &Shape, rng: &mut Rng) -> Result<History, GenerateError> {
    let mut sink = InMemory::default();
    stream(shape, rng, &mut sink)?;
    Ok(sink.history)
}

/// Runs the clients of `shape` and tells `sink` what they see as they see it: in the memory of what is in flight,
/// however long the history.
///
/// # Errors
/// When the shape contradicts itself, or the sink fails.
pub fn stream(shape: &Shape, rng: &mut Rng, sink: &mut impl Sink) -> Result<(), GenerateError> {
    shape.validate()?;
    Ok(World::new(shape, rng, sink).run()?)
}

/// Why a history was not generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The shape contradicts itself.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The sink failed.
    #[error("cannot write: {0}")]
    Io(io::Error),
}

impl From<io::Error> for GenerateError {
    fn from(error: io::Error) -> GenerateError {
        GenerateError::Io(error)
    }
}
