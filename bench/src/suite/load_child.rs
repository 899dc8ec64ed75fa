//! A load as a process of its own: what it costs is not counted among what it measures, and every service is loaded
//! by a program that says the same lines.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use register::load::{BEGUN, Measured};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Filling a million keys may take that long.
const PATIENCE: Duration = Duration::from_secs(600);

/// A load program that runs. Dropped, it ends.
#[derive(Debug)]
pub struct LoadChild {
    program: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl LoadChild {
    /// Starts a program that speaks as [`register::load::run_and_tell`] does.
    pub fn start(mut command: Command) -> Result<LoadChild> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("starting the load {program}"))?;
        let stdout = child.stdout.take().context("a load without standard output")?;
        Ok(LoadChild { program, child, lines: BufReader::new(stdout).lines() })
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the end of its warming up.
    pub async fn begun(&mut self) -> Result<()> {
        let line = self.line(PATIENCE).await?;
        if line != BEGUN {
            bail!("the load {} should have said {BEGUN:?}, but said {line:?}", self.program);
        }
        Ok(())
    }

    /// Waits for what it measured; `seconds` is what it was told to measure.
    pub async fn measured(&mut self, seconds: Duration) -> Result<Measured> {
        let line = self.line(seconds + PATIENCE).await?;
        serde_json::from_str(&line).with_context(|| format!("the load {} said {line:?}", self.program))
    }

    /// Waits for its end.
    pub async fn end(mut self) -> Result<()> {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.with_context(|| format!("the load {} does not end", self.program))?;
        let status = status.with_context(|| format!("waiting for the load {}", self.program))?;
        if !status.success() {
            let complaint = self.complaint().await;
            bail!("the load {} ended with {status}: {complaint}", self.program);
        }
        Ok(())
    }

    async fn line(&mut self, patience: Duration) -> Result<String> {
        let line = timeout(patience, self.lines.next_line()).await;
        let line =
            line.with_context(|| format!("the load {} says nothing for {patience:?}", self.program))?;
        match line.with_context(|| format!("reading what the load {} says", self.program))? {
            Some(line) => Ok(line),
            None => {
                let complaint = self.complaint().await;
                bail!("the load {} ended without a word: {complaint}", self.program)
            }
        }
    }

    /// What it said on standard error.
    async fn complaint(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // What cannot be read is not worth another error.
            let _ = timeout(Duration::from_secs(1), stderr.read_to_string(&mut said)).await;
        }
        if said.trim().is_empty() { "it gave no reason".to_owned() } else { said.trim().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> LoadChild {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        LoadChild::start(command).unwrap()
    }

    #[tokio::test]
    async fn a_load_is_heard_to_its_end() {
        let json = serde_json::to_string(&Measured { done: 7, ..Measured::default() }).unwrap();
        let mut load = start(&format!("echo begun; echo '{json}'"));
        load.begun().await.unwrap();
        assert_eq!(load.measured(Duration::ZERO).await.unwrap().done, 7);
        load.end().await.unwrap();
    }

    #[tokio::test]
    async fn a_load_that_fails_says_why() {
        let error = start("echo no quorum >&2; exit 3").begun().await.unwrap_err().to_string();
        assert!(error.contains("no quorum"), "{error}");
        let error = start("echo hello; sleep 60").begun().await.unwrap_err().to_string();
        assert!(error.contains("hello"), "{error}");
        let mut load = start("echo begun; echo more >&2; exit 1");
        load.begun().await.unwrap();
        assert!(load.end().await.unwrap_err().to_string().contains("more"));
    }
}
