//! What happened.
//!
//! | file | what |
//! |---|---|
//! | [`trace`] | as a hash and as lines |
//! | [`brief`] | a message in a few words |
//! | [`diagram`] | the end of a run to look at |

pub mod brief;
pub mod diagram;
pub mod trace;
