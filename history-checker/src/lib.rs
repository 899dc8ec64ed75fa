//! Linearizability checking of recorded histories: types, models, engines, CLI.
//!
//! A history of concurrent operations is *linearizable* if one sequential order explains every answer, and no
//! operation comes before one that had returned before it was invoked. The crate knows nothing of the service that it
//! judges. In reading order:
//!
//! - [`history`] what was seen; [`recorder`] writes it down, [`format`](mod@format) stores it
//! - [`model`] what was promised: the sequential specification; [`nondeterministic`] one that leaves a choice;
//!   [`models`] the ones that come with the crate
//! - [`timeline`] the history in a model's terms
//! - [`engine`] two ways to decide, and two judges over what they find
//! - [`shrink`](mod@shrink) from a violation to the few operations that prove it
//! - [`check()`] all of it together, [`check_model`] by a model of your own; [`report`] what it found, in words too,
//!   [`page`] what it found, to look at
//! - [`stream`] registers while they are used, with memory for what is in flight
//! - [`degree`](mod@degree) how wrong a register is that is not linearizable; [`lint`](mod@lint) what a history is worth
//!   as a test
//! - [`generate`] histories to try a checker on, by shape and seed
//!
//! ```
//! use history_checker::{ModelKind, Options, check, format::jsonl};
//!
//! let stale = br#"
//!     {"process":0,"kind":"invoke","op":"write","value":1,"time":1}
//!     {"process":0,"kind":"ok","op":"write","time":2}
//!     {"process":0,"kind":"invoke","op":"read","time":3}
//!     {"process":0,"kind":"ok","op":"read","value":null,"time":4}
//! "#;
//! let history = jsonl::read(&stale[..]).unwrap();
//! let report = check(&history, ModelKind::Register, &Options::default()).unwrap();
//! assert!(!report.is_linearizable());
//! println!("{report}");
//! ```
//!
//! Absent, on purpose: clocks and unseeded randomness; threads only where what they do does not depend on their timing. A
//! verdict depends on the history alone.

#![forbid(unsafe_code)]

mod by_key;
mod check;
mod check_keys;
mod check_model;
pub mod degree;
pub mod engine;
mod explain;
mod faults;
pub mod format;
pub mod generate;
pub mod history;
mod lines;
pub mod lint;
pub mod model;
pub mod models;
pub mod nondeterministic;
mod objects;
pub mod page;
pub mod recorder;
mod register_history;
mod registers;
pub mod report;
mod seeded_bugs;
pub mod shrink;
pub mod stream;
pub mod timeline;
mod value;

pub use check::{CheckError, FailedCas, Method, ModelKind, Options, Progress, check, check_with};
pub use check_model::check_model;
pub use degree::Degree;
pub use engine::search::{Budget, Prunings, Search, SearchOptions, Searching, linearize, linearize_with};
pub use faults::FaultSpan;
pub use history::{Action, Answer, FaultEdge, History, Mark, OpKind, Operation, Outcome};
pub use lint::{Lint, lint};
pub use model::Model;
pub use nondeterministic::{NondeterministicModel, Possibilities};
pub use recorder::{Client, Process, Recorder, Swap};
pub use report::{KeyReport, Report, Summary, Verdict, Violation};
pub use shrink::{Certifier, Core};
pub use stream::Checker;
pub use timeline::{Entry, Moment, Timeline};
pub use value::{Key, NoScalar, Number, Value};

pub(crate) use seeded_bugs::seeded_bug;
