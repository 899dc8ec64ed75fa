//! Real processes: the demo, load, faults, figures.
//!
//! | file | what |
//! |---|---|
//! | [`demo`] | one run from empty directory to verdict, in order |
//! | [`setup`] | the run's directory: certificates, configurations, ports |
//! | [`cluster`] | the nodes' processes: start, kill, pause, and always an end |
//! | [`nemesis`] | what goes wrong and when, with evidence that it did |
//! | [`workload`] | concurrent clients that write down what they did |
//! | [`measure`] | latencies, outcomes, gaps without an acknowledged write |
//! | [`observer`] | asks the nodes: who leads, how far, what they counted |
//! | [`tally`] | the nodes' own counters, across restarts |
//! | [`report`] | the figures, as text for people and as JSON for programs |
//! | [`page`] | all of it for the browser, with every operation |
//! | [`suite`] | everything that is measured, in eight groups |
//! | [`conditions`] | what must be said beside every figure |
#![forbid(unsafe_code)]

pub mod cluster;
pub mod conditions;
pub mod demo;
pub mod measure;
pub mod nemesis;
pub mod observer;
pub mod page;
pub mod report;
pub mod setup;
pub mod suite;
pub mod tally;
pub mod workload;
