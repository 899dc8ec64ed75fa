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
//! - [`shrink`](mod@shrink) from a violation to the few operations that prove it
//! - [`check()`] all of it together; [`report`] what it found, in words too
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
//! Absent, on purpose: clocks, threads and randomness. A verdict depends on the history alone.

#![forbid(unsafe_code)]

mod check;
pub mod engine;
mod explain;
pub mod format;
pub mod history;
pub mod model;
pub mod models;
mod objects;
mod recorder;
mod register_history;
pub mod report;
pub mod shrink;
pub mod timeline;
mod value;

pub use check::{CheckError, FailedCas, Method, ModelKind, Options, check};
pub use engine::search::{Budget, Search, linearize};
pub use history::{Action, Answer, FaultEdge, History, Mark, Operation, Outcome};
pub use model::Model;
pub use recorder::{Cas, Open, Process, Read, Recorder, Written};
pub use report::{KeyReport, Report, Summary, Verdict, Violation};
pub use shrink::{Certifier, Core};
pub use timeline::{Entry, Moment, Timeline};
pub use value::{Key, Value};
