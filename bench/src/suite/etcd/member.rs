//! A member's process, and always its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::config::Config;

/// Runs. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Member {
    name: String,
    process: Child,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Member {
    /// Writes its configuration and starts it; its output goes to a log beside that.
    pub(super) fn start(program: &Path, dir: &Path, config: &Config) -> Result<Member> {
        config.write()?;
        let name = config.name.clone();
        let (log, pid_file) = (dir.join(format!("{name}.log")), dir.join(format!("{name}.pid")));
        let out = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let process = Command::new(program)
            .arg("--config-file")
            .arg(config.file())
            .stdin(Stdio::null())
            .stdout(out.try_clone().context("sharing the log between stdout and stderr")?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("starting {} for {name}", program.display()))?;
        let pid = process.id().to_string();
        let member = Member { name, process, pid_file, log };
        // So that the next run finds this process, should this one be killed before it can end it.
        fs::write(&member.pid_file, pid).with_context(|| format!("writing {}", member.pid_file.display()))?;
        Ok(member)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Fails if it has ended by itself.
    pub(super) fn check_alive(&mut self) -> Result<()> {
        let ended = self.process.try_wait().with_context(|| format!("asking after {} of etcd", self.name))?;
        match ended {
            None => Ok(()),
            Some(status) => bail!("{} of etcd ended by itself ({status}); {}", self.name, self.log_tail()),
        }
    }

    /// The last lines of its log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        const LINES: usize = 10;
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LINES)..];
        format!("the end of {}:\n    {}", self.log.display(), tail.join("\n    "))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.pid_file);
    }
}
