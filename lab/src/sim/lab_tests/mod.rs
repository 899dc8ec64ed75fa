//! The lab tests on virtual time.
//!
//! | file | what |
//! |---|---|
//! | [`world`] | their world |
//! | [`run`] | one test in it, from the first event to the row |
//! | `links` | its links, with the rules of [`crate::faults::network`] |

mod links;
pub mod run;
pub mod world;
