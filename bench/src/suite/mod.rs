//! The suite: what is measured, against what, under which conditions.
//!
//! | file | what |
//! |---|---|
//! | [`context`] | what every group is given |
//! | `behind` | a follower that was away until it needs a snapshot |
//! | [`faults`] | what is left of the service while something is broken |
//! | [`figure`] | a quantity measured several times; ratios of interleaved rounds |
//! | [`recovery`] | starting with a long log, catching up, installing a snapshot |
//! | [`results`] | rows of figures, as they are written and read again |

mod behind;
pub mod context;
pub mod faults;
pub mod figure;
pub mod recovery;
pub mod results;
