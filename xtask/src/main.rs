//! Every job of the project, one command each.
fn main() {}
