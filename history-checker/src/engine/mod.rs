//! What decides: a search for any model, zones for registers with unique values, and a judge over both.

pub mod replay;
pub mod search;
pub mod split;
pub mod unique;
