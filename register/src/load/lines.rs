//! What a load program says on standard output: [`BEGUN`] on a line of its own when the warming up is over, and at its
//! end [`Measured`] as one line of JSON. Whoever started it can so measure processor time of nodes meanwhile.

use std::io::{self, Write};

use super::{LoadArgs, Measured, Target, run};

/// Said when the warming up is over.
pub const BEGUN: &str = "begun";

/// Runs a load and says so, line by line. `subject` is what is under load, with its version.
pub async fn run_and_tell<T: Target>(subject: &str, targets: &[T], args: &LoadArgs) -> io::Result<Measured> {
    let mut told = Ok(());
    let mut measured = run(targets, args, || told = line(BEGUN)).await;
    told?;
    measured.subject = subject.to_owned();
    line(&serde_json::to_string(&measured)?)?;
    Ok(measured)
}

fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
