//! The nodes' processes: started, killed, paused, resumed, and ended whatever happens. Each method
//! that does something to a process answers with evidence that it happened.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::setup::Layout;

/// Three processes (or however many the layout has).
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
}

/// One node: where it lives, and its process if it runs.
#[derive(Debug)]
pub struct Node {
    id: u64,
    endpoint: String,
    program: PathBuf,
    /// Before its command line.
    enter: Vec<OsString>,
    /// On its command line before that of its configuration.
    arguments: Vec<OsString>,
    config: PathBuf,
    log: PathBuf,
    pid_file: PathBuf,
    process: Option<Child>,
}

/// How long a node may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

impl Cluster {
    /// The nodes of a layout, not yet started.
    #[must_use]
    pub fn new(layout: &Layout) -> Cluster {
        Cluster::of_program(layout, &layout.program, &["serve".into()])
    }

    /// The same, but another program's; its arguments stand before `--config`.
    #[must_use]
    pub fn of_program(layout: &Layout, program: &Path, arguments: &[OsString]) -> Cluster {
        let node = |node: &crate::setup::NodeLayout| Node {
            id: node.id,
            endpoint: node.client_addr.to_string(),
            enter: node.enter.clone(),
            program: program.to_owned(),
            arguments: arguments.to_owned(),
            config: node.config.clone(),
            log: node.log.clone(),
            pid_file: node.pid_file.clone(),
            process: None,
        };
        Cluster { nodes: layout.nodes.iter().map(node).collect() }
    }

    /// Starts every node.
    pub fn start_all(&mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(Node::start)
    }

    /// A node by its id.
    pub fn node(&mut self, id: u64) -> Result<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == id).with_context(|| format!("there is no node n{id}"))
    }

    /// The ids, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    /// The process ids of the nodes that run, in order.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(Node::pid).collect()
    }

    /// Fails if a node that should be running has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(Node::check_alive)
    }

    /// Asks every node to end (SIGTERM) and waits for it; a node that does not is killed, and that
    /// is an error, as is an exit status other than 0.
    pub async fn stop_all(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            node.signal(Signal::TERM)?;
        }
        for node in &mut self.nodes {
            node.wait_for_end().await?;
        }
        Ok(())
    }
}

impl Node {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where clients reach it.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Asks it to end (SIGTERM) and waits for it. The evidence is its exit status.
    pub async fn stop(&mut self) -> Result<String> {
        if self.process.is_none() {
            bail!("n{} is to end, but it does not run", self.id);
        }
        self.signal(Signal::TERM)?;
        self.wait_for_end().await?;
        Ok("ended by SIGTERM with status 0".to_owned())
    }

    /// Starts its process; its output is added to its log.
    pub fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening the log {}", self.log.display()))?;
        let mut command = match self.enter.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        let child = command
            .args(&self.arguments)
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing the log between stdout and stderr")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {} for n{}", self.program.display(), self.id))?;
        // So that the next run finds this process, should this one be killed before it can.
        let pid = child.id().to_string();
        self.process = Some(child);
        fs::write(&self.pid_file, pid).with_context(|| format!("writing {}", self.pid_file.display()))
    }

    /// Kills it with SIGKILL. The evidence is its exit status.
    pub fn kill(&mut self) -> Result<String> {
        self.signal(Signal::KILL)?;
        let status = self.reap()?;
        if killed_by(status) != Some(Signal::KILL.as_raw()) {
            bail!("n{} was sent SIGKILL but ended otherwise: {status}", self.id);
        }
        Ok("exited by signal 9".to_owned())
    }

    /// Stops it with SIGSTOP. The evidence is its state in /proc, where there is one.
    pub async fn pause(&mut self) -> Result<String> {
        self.signal(Signal::STOP)?;
        self.expect_state("process state", |state| state == 'T').await
    }

    /// Lets it go on with SIGCONT.
    pub async fn resume(&mut self) -> Result<String> {
        self.signal(Signal::CONT)?;
        self.expect_state("then", |state| state != 'T').await
    }

    /// The last lines of its log, for an error message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        const LINES: usize = 15;
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LINES)..];
        format!("the end of {}:\n    {}", self.log.display(), tail.join("\n    "))
    }

    fn check_alive(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let Some(status) = process.try_wait().with_context(|| format!("asking after n{}", self.id))? else {
            return Ok(());
        };
        self.forget();
        bail!("n{} ended by itself ({status}); {}", self.id, self.log_tail())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        // Not reaped yet, so the id cannot belong to anyone else.
        let Some(process) = &self.process else { return Ok(()) };
        kill_process(Pid::from_child(process), signal)
            .with_context(|| format!("sending {signal:?} to n{} (process {})", self.id, process.id()))
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        let mut process = self.process.take().with_context(|| format!("n{} is not running", self.id))?;
        let status = process.wait().with_context(|| format!("waiting for the end of n{}", self.id))?;
        self.forget();
        Ok(status)
    }

    /// The process has ended and was waited for: its id may become another program's.
    fn forget(&mut self) {
        self.process = None;
        // Left behind, it would name a process that the next run finds not to be ours.
        let _ = fs::remove_file(&self.pid_file);
    }

    async fn wait_for_end(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            if let Some(status) = process.try_wait().with_context(|| format!("asking after n{}", self.id))? {
                self.forget();
                if status.success() {
                    return Ok(());
                }
                bail!("n{} did not end well ({status}); {}", self.id, self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("n{} did not end within {GRACE:?} of SIGTERM; {}", self.id, self.log_tail())
    }

    /// `words` followed by the state's letter, once it is as wanted.
    async fn expect_state(&self, words: &str, wanted: impl Fn(char) -> bool) -> Result<String> {
        let Some(process) = &self.process else { bail!("n{} is not running", self.id) };
        if !Path::new("/proc/self/stat").exists() {
            return Ok(format!("{words} unseen, without /proc"));
        }
        let mut state = None;
        // A signal takes effect when the process is next scheduled.
        for _ in 0..100 {
            state = process_state(process.id());
            if let Some(state) = state.filter(|state| wanted(*state)) {
                return Ok(format!("{words} {state}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("n{} was sent a signal, but its process state stays {state:?}", self.id)
    }
}

/// Whatever happens to this program's run, no node stays behind.
impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended already; then there is nothing to do.
            let _ = process.kill();
            let _ = process.wait();
            self.forget();
        }
    }
}

/// The state letter of `/proc/PID/stat`; it follows the program's name, which may contain anything.
fn process_state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn killed_by(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(script: &str) -> (tempfile::TempDir, Node) {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        let (script_file, program) = (file("script"), file("program"));
        fs::write(&script_file, format!("#!/bin/sh\n{script}\n")).unwrap();
        // A process of its own writes the program: were it open for writing here, a child that
        // another test forks meanwhile would inherit that, and to run it would be ETXTBSY.
        let installed = Command::new("install").args([&script_file, &program]).status().unwrap();
        assert!(installed.success());
        let node = Node {
            id: 1,
            endpoint: String::new(),
            enter: Vec::new(),
            program,
            arguments: vec!["serve".into()],
            config: file("n1.toml"),
            log: file("n1.log"),
            pid_file: file("n1.pid"),
            process: None,
        };
        (dir, node)
    }

    #[tokio::test]
    async fn faults_leave_evidence() {
        let (_dir, mut node) = node("exec sleep 60");
        node.start().unwrap();
        assert_eq!(node.pause().await.unwrap(), "process state T");
        assert_ne!(node.resume().await.unwrap(), "then T");
        assert_eq!(node.kill().unwrap(), "exited by signal 9");
    }

    #[tokio::test]
    async fn a_node_that_ends_by_itself_is_noticed_and_its_log_shown() {
        let (_dir, mut node) = node("echo no such file; exit 7");
        node.start().unwrap();
        let error = loop {
            match node.check_alive() {
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("exit status: 7") && error.contains("no such file"), "{error}");
    }

    #[tokio::test]
    async fn no_process_outlives_its_node() {
        let (_dir, mut node) = node("exec sleep 60");
        node.start().unwrap();
        let pid = node.process.as_ref().unwrap().id();
        drop(node);
        assert_eq!(process_state(pid), None);
    }
}
