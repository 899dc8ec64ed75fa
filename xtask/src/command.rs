//! A command line that can be run, and shown so that a person can repeat it.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// What to run, with what added to the environment; from the workspace's root, if nothing else is said.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: Program,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    unset: Vec<&'static str>,
    /// Below the root.
    folder: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Program {
    Cargo,
    /// This program again; shown as `cargo xtask`.
    Xtask,
    Path(OsString),
}

/// What came of a command that was watched.
pub(crate) struct Outcome {
    pub(crate) success: bool,
    /// Standard output and standard error, in the order of arrival.
    pub(crate) lines: Vec<String>,
}

impl Cmd {
    pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Cmd {
        Cmd::new(Program::Cargo, args)
    }

    pub(crate) fn xtask<const N: usize>(args: [&str; N]) -> Cmd {
        Cmd::new(Program::Xtask, args)
    }

    pub(crate) fn path<const N: usize>(program: impl Into<OsString>, args: [&str; N]) -> Cmd {
        Cmd::new(Program::Path(program.into()), args)
    }

    fn new<const N: usize>(program: Program, args: [&str; N]) -> Cmd {
        Cmd {
            program,
            args: args.iter().map(ToString::to_string).collect(),
            env: Vec::new(),
            unset: Vec::new(),
            folder: None,
        }
    }

    pub(crate) fn args(mut self, more: impl IntoIterator<Item = String>) -> Cmd {
        self.args.extend(more);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Cmd {
        self.env.push((name, value.into()));
        self
    }

    /// Whatever the environment says of this.
    pub(crate) fn unset(mut self, name: &'static str) -> Cmd {
        self.unset.push(name);
        self
    }

    /// From a folder of the workspace, as cargo runs a package's tests.
    pub(crate) fn within(mut self, folder: &'static str) -> Cmd {
        self.folder = Some(folder);
        self
    }

    /// Runs it on this terminal and passes its exit status on.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<ExitCode> {
        let status = self.command(workspace).status().with_context(|| self.not_started())?;
        // A signal has no code; 1 is as good as any for "did not succeed".
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(ExitCode::from(code))
    }

    /// Runs it and keeps its output, showing each line as it comes if `show`.
    pub(crate) fn watch(&self, workspace: &Workspace, show: bool) -> Result<Outcome> {
        // One pipe for both streams: an error stays beside the output that it belongs to.
        let (reader, writer) = std::io::pipe().context("opening a pipe")?;
        let mut command = self.command(workspace);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().with_context(|| self.not_started())?;
        // The command holds the pipe's writing ends; while it lives the pipe would never end.
        drop(command);

        let mut lines = Vec::new();
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.with_context(|| format!("reading the output of `{self}`"))?;
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if show {
                // A closed terminal must not stop the step whose result is still wanted.
                let _ = writeln!(std::io::stdout(), "{line}");
            }
            lines.push(line);
        }
        let status = child.wait().with_context(|| format!("waiting for `{self}`"))?;
        Ok(Outcome { success: status.success(), lines })
    }

    /// Its standard output; fails if it does.
    pub(crate) fn output(&self, workspace: &Workspace) -> Result<String> {
        let output =
            self.command(workspace).stderr(Stdio::inherit()).output().with_context(|| self.not_started())?;
        ensure!(output.status.success(), "failed: {self}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, workspace: &Workspace) -> Command {
        let mut command = match &self.program {
            // Cargo tells its children which cargo they belong to.
            Program::Cargo => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Program::Xtask => Command::new(&workspace.xtask),
            Program::Path(path) => Command::new(path),
        };
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        for name in &self.unset {
            command.env_remove(name);
        }
        command.current_dir(self.folder.map_or(workspace.root.clone(), |folder| workspace.root.join(folder)));
        command
    }

    fn not_started(&self) -> String {
        format!("could not start `{self}`; is the program installed and on the PATH?")
    }
}

/// As it would be typed in a shell.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(folder) = self.folder {
            write!(f, "cd {} && ", quoted(folder))?;
        }
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        match &self.program {
            Program::Cargo => f.write_str("cargo")?,
            Program::Xtask => f.write_str("cargo xtask")?,
            Program::Path(path) => f.write_str(&quoted(&path.to_string_lossy()))?,
        }
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A program for tests. Another process writes it: in this one a thread that starts something else would hold it open
/// for writing, and what is held so cannot run.
#[cfg(test)]
pub(crate) fn script(path: &std::path::Path, text: &str) {
    let written = Command::new("sh")
        .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod +x "$0""#])
        .arg(path)
        .arg(text)
        .status();
    assert!(written.is_ok_and(|status| status.success()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let cmd = Cmd::cargo(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(cmd.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
        let cmd = Cmd::xtask(["seeded-bugs"]).args(["it's".to_owned()]);
        assert_eq!(cmd.to_string(), r"cargo xtask seeded-bugs 'it'\''s'");
    }

    #[test]
    fn what_is_unset_is_not_there() {
        let workspace = Workspace::find().unwrap();
        let cmd = Cmd::path("sh", ["-c", "echo ${CARGO_MANIFEST_DIR-gone}"]);
        assert_ne!(cmd.output(&workspace).unwrap(), "gone\n");
        assert_eq!(cmd.unset("CARGO_MANIFEST_DIR").output(&workspace).unwrap(), "gone\n");
    }

    #[test]
    fn a_folder_is_where_it_runs() {
        let workspace = Workspace::find().unwrap();
        let cmd = Cmd::path("pwd", []).within("raft");
        assert_eq!(cmd.output(&workspace).unwrap().trim_end(), workspace.root.join("raft").to_string_lossy());
        assert_eq!(cmd.to_string(), "cd raft && pwd");
    }

    #[test]
    fn both_streams_are_kept_in_order() {
        let workspace = Workspace::find().unwrap();
        let cmd = Cmd::path("sh", ["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let outcome = cmd.watch(&workspace, false).unwrap();
        assert_eq!(outcome.lines, ["one", "two", "three"]);
        assert!(!outcome.success);
        assert!(cmd.output(&workspace).is_err());
        let cmd = Cmd::path("sh", ["-c", "echo one; echo two >&2; echo three"]);
        assert_eq!(cmd.output(&workspace).unwrap(), "one\nthree\n");
    }
}
