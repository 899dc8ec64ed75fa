//! Real processes: the demo, load, faults, figures.
//!
//! | file | what |
//! |---|---|
//! | [`demo`] | one run from empty directory to verdict, in order |
//! | [`setup`] | the run's directory: certificates, configurations, ports |
//! | [`stage`] | a cluster that runs, with what stands around it |
//! | [`cluster`] | the nodes' processes: start, kill, pause, and always an end |
//! | [`rig`] | the network, disks and processors of nodes, to be made worse |
//! | [`nemesis`] | what goes wrong and when, with evidence that it did |
//! | [`workload`] | concurrent clients that write down what they did |
//! | [`fill`] | many writes, to make a log long or a state large |
//! | [`measure`] | latencies, outcomes, gaps without an acknowledged write |
//! | [`observer`] | asks the nodes: who leads, how far, what they counted |
//! | [`tally`] | the nodes' own counters, across restarts |
//! | [`usage`] | processor time and memory of a process |
//! | [`report`] | the figures, as text for people and as JSON for programs |
//! | [`page`] | all of it for the browser, with every operation |
//! | [`suite`] | everything that is measured, in eight groups |
//! | [`bare`] | the yardstick: what a replicated put costs without consensus |
//! | [`conditions`] | what must be said beside every figure |
#![forbid(unsafe_code)]

pub mod bare;
pub mod cluster;
pub mod conditions;
pub mod demo;
pub mod fill;
pub mod measure;
pub mod nemesis;
pub mod observer;
pub mod page;
pub mod report;
pub mod rig;
pub mod setup;
pub mod stage;
pub mod suite;
pub mod tally;
pub mod usage;
pub mod workload;
