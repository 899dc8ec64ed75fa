//! What must be said beside every figure: the machine, the commit, durability, encryption, where
//! the client runs. A figure without its conditions is worth nothing.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// The conditions of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conditions {
    /// When an acknowledged write is durable.
    pub durability: &'static str,
    /// How nodes and clients are connected.
    pub tls: &'static str,
    /// Where the clients run.
    pub client: &'static str,
    /// Processor, cores and kernel.
    pub machine: String,
    /// The commit of the directory in which the run was started.
    pub commit: String,
}

impl Conditions {
    /// Of this program's runs, on this machine, now.
    #[must_use]
    pub fn here() -> Conditions {
        Conditions {
            durability: "fsync before every acknowledgement",
            tls: "QUIC with mutual TLS 1.3",
            client: "client on the same machine, over loopback",
            machine: machine(),
            commit: commit().unwrap_or_else(|| "unknown commit".to_owned()),
        }
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    let mut parts = vec![cores];
    parts.extend(processor());
    parts.push(match fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => format!("Linux {}", release.trim()),
        Err(_) => std::env::consts::OS.to_owned(),
    });
    parts.join(", ")
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Asked at run time: a build does not know whether the tree was clean.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|list| !list.is_empty());
    Some(if dirty { format!("{head} with local changes") } else { head })
}
