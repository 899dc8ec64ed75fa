//! What decides: a search for any model, zones for registers with unique values, and two judges over both.

pub mod brute;
pub mod replay;
pub mod search;
pub mod split;
pub mod unique;
