//! What tries to break it inside one process: link faults, invariants, the lab tests.
//!
//! | file | what |
//! |---|---|
//! | [`suite`] | the lab tests 4A and 4B, written once as async functions over a [`world`] |
//! | [`world`] | what a test may do to a cluster |
//! | [`lab`](mod@lab) | the helpers of the test bodies: one leader, one agreement, waiting |
//! | [`crew`] | several futures at once without spawning |
//! | [`ledger`] | what nodes were seen to do, and the safety properties checked on it |
//! | [`cluster`] | the world in real time: nodes in one process |
//! | [`carrier`] | what carries their frames |
//! | [`faults`] | links that are cut, lose, delay and reorder |
//! | [`checked`] | a register under faults whose history is judged |
//! | [`sim`] | whole clusters on virtual time |
//! | [`witness`] | reads what leaves a node |
//! | [`recorder`] | the state machine under test |
//! | [`runner`] | runs tests by name, several at once, prints rows |
//! | [`sweep`] | runs them on virtual time under many seeds |
//! | [`options`] | the arguments of a test target |
//! | [`report`] | rows, medians, the comparison with the reference |
//!
//! There is no clock, runtime or network in `suite`, `lab` and `crew`: a simulator runs them as well.
#![forbid(unsafe_code)]

pub mod carrier;
pub mod checked;
pub mod cluster;
pub mod crew;
pub mod faults;
pub mod lab;
pub mod ledger;
pub mod options;
pub mod origin;
pub mod recorder;
pub mod report;
pub mod runner;
pub mod sim;
pub mod suite;
pub mod sweep;
pub mod witness;
pub mod world;
