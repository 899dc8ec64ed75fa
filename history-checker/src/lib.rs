//! Linearizability checking of recorded histories: types, models, engines, CLI.
//!
//! A history of concurrent operations is *linearizable* if one sequential order explains every answer, and no
//! operation comes before one that had returned before it was invoked. The crate knows nothing of the service that it
//! judges. In reading order:
//!
//! - [`history`] what was seen; [`Recorder`] writes it down, [`format`](mod@format) stores it
//! - [`model`] what was promised: the sequential specification; [`models`] the ones that come with the crate
//! - [`timeline`] the history in a model's terms
//! - [`engine`] two ways to decide, and two judges over what they find
//! - [`generate`] histories to try a checker on, by shape and seed
//! - [`shrink`](mod@shrink) from a violation to the few operations that prove it
//! - [`check()`] all of it together; [`report`] what it found, in words too, [`page`] what it found, to look at
//! - [`degree`](mod@degree) how wrong a register is that is not linearizable; [`lint`](mod@lint) what a history is worth
//!   as a test
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
pub mod degree;
pub mod engine;
mod explain;
pub mod format;
pub mod generate;
pub mod history;
pub mod lint;
pub mod model;
pub mod models;
pub mod nondeterministic;
mod objects;
pub mod page;
mod recorder;
mod register_history;
pub mod report;
#[doc(hidden)]
pub mod seeded_bugs;
pub mod shrink;
pub mod stream;
pub mod timeline;
mod value;

pub use check::{CheckError, FailedCas, Method, ModelKind, Options, Progress, check, check_with};
pub use degree::Degree;
pub use engine::search::{Budget, Prunings, Search, SearchOptions, Searching, linearize, linearize_with};
pub use history::{Action, Answer, FaultEdge, History, Mark, Operation, Outcome};
pub use lint::{Lint, lint};
pub use model::Model;
pub use nondeterministic::{NondeterministicModel, Possibilities};
pub use recorder::{Cas, Client, Open, Process, Read, Recorder, Swap, Written};
pub use report::{KeyReport, Report, Summary, Verdict, Violation};
pub use shrink::{Certifier, Core};
pub use stream::Checker;
pub use timeline::{Entry, Moment, Timeline};
pub use value::{Key, Value};
