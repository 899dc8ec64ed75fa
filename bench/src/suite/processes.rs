//! What a process has cost so far: processor time, memory, context switches, from `/proc`.

use std::fs;
use std::ops::Sub;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What a process, or several, used since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In user and kernel mode, all threads, those that have ended too. The kernel tells it in hundredths of a second.
    pub processor: Duration,
    /// Resident memory now, in bytes.
    pub resident: u64,
    /// The most that was resident at any time, in bytes.
    pub most_resident: u64,
    /// Context switches because a thread had nothing to do, of the threads that are alive.
    pub voluntary: u64,
    /// Because another one was given the processor.
    pub involuntary: u64,
}

impl Usage {
    /// Of a process that runs.
    pub fn of(pid: u32) -> Result<Usage> {
        let dir = Path::new("/proc").join(pid.to_string());
        let read = |file: &Path| {
            fs::read_to_string(file)
                .with_context(|| format!("reading {}: does it still run?", file.display()))
        };
        let mut usage = Usage { processor: processor(&read(&dir.join("stat"))?)?, ..Usage::default() };
        let status = read(&dir.join("status"))?;
        (usage.resident, usage.most_resident) = (kibibytes(&status, "VmRSS")?, kibibytes(&status, "VmHWM")?);
        let tasks = dir.join("task");
        for task in fs::read_dir(&tasks).with_context(|| format!("listing {}", tasks.display()))? {
            // A thread may end between the list and the look.
            let Ok(status) = task.and_then(|task| fs::read_to_string(task.path().join("status"))) else {
                continue;
            };
            usage.voluntary += number(&status, "voluntary_ctxt_switches").unwrap_or(0);
            usage.involuntary += number(&status, "nonvoluntary_ctxt_switches").unwrap_or(0);
        }
        Ok(usage)
    }

    /// Of several: sums, but the memory is that of the one that has most.
    pub fn of_all(pids: &[u32]) -> Result<Usage> {
        let mut all = Usage::default();
        for pid in pids {
            let one = Usage::of(*pid)?;
            all.processor += one.processor;
            all.resident = all.resident.max(one.resident);
            all.most_resident = all.most_resident.max(one.most_resident);
            all.voluntary += one.voluntary;
            all.involuntary += one.involuntary;
        }
        Ok(all)
    }

    /// Context switches of both kinds.
    #[must_use]
    pub fn switches(&self) -> u64 {
        self.voluntary + self.involuntary
    }
}

/// What was used since then; the memory is that of now.
impl Sub for Usage {
    type Output = Usage;

    fn sub(self, then: Usage) -> Usage {
        Usage {
            processor: self.processor.saturating_sub(then.processor),
            voluntary: self.voluntary.saturating_sub(then.voluntary),
            involuntary: self.involuntary.saturating_sub(then.involuntary),
            ..self
        }
    }
}

/// From `/proc/PID/stat`: `utime` and `stime`, the 14th and 15th field. The second is the program's name in brackets,
/// which may contain anything.
fn processor(stat: &str) -> Result<Duration> {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).map_while(|f| f.parse().ok()).collect();
    let [user, system] = ticks[..] else { bail!("/proc/PID/stat has no processor time: {stat:?}") };
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_nanos((user + system).saturating_mul(1_000_000_000 / per_second)))
}

fn kibibytes(status: &str, name: &str) -> Result<u64> {
    let number = number(status, name);
    number.map(|kib| kib * 1024).with_context(|| format!("/proc/PID/status has no {name}: is it a zombie?"))
}

/// The number behind a name in `/proc/PID/status`.
fn number(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_moves_no_field() {
        let stat = "77 (a ) b) S 1 77 77 0 -1 4194304 180 0 0 0 250 50 9 9 20 0 1 0 100 8000 90";
        let ticks = rustix::param::clock_ticks_per_second();
        assert_eq!(processor(stat).unwrap(), Duration::from_nanos(300 * 1_000_000_000 / ticks));
        assert!(processor("77 (cut").is_err());
    }

    #[test]
    fn one_name_is_not_taken_for_the_end_of_another() {
        let status = "VmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nvoluntary_ctxt_switches:\t5\n\
                      nonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(number(status, "voluntary_ctxt_switches"), Some(5));
        assert_eq!(number(status, "nonvoluntary_ctxt_switches"), Some(3));
        assert_eq!(kibibytes(status, "VmRSS").unwrap(), 1 << 20);
        assert!(kibibytes(status, "VmSwap").is_err());
    }

    #[test]
    fn this_process_has_cost_something() {
        let before = Usage::of(std::process::id()).unwrap();
        assert!(before.resident > 0 && before.most_resident >= before.resident);
        let memory = vec![1u8; 32 << 20];
        let after = Usage::of(std::process::id()).unwrap();
        assert!(memory.iter().all(|byte| *byte == 1) && after.most_resident >= before.resident);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
