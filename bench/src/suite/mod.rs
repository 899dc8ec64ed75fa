//! The suite: what is measured, against what, under which conditions.
//!
//! | file | what |
//! |---|---|
//! | [`context`] | what every group is given |
//! | [`faults`] | what is left of the service while something is broken |
//! | [`figure`] | a quantity measured several times; ratios of interleaved rounds |
//! | [`results`] | rows of figures, as they are written and read again |

pub mod context;
pub mod faults;
pub mod figure;
pub mod results;
