//! Programs of the system that the rig is built with.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs it to its end and gives what it printed; an end other than a good one is an error with what it said.
pub(super) fn tool(command: &mut Command) -> Result<String> {
    told(command, "")
}

/// The same for one that reads what to do.
pub(super) fn told(command: &mut Command, input: &str) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().with_context(|| format!("starting {name}: is it installed?"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends before it has read all says why by its status.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}; it needs root): {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
