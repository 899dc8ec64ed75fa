//! What a process takes of the machine, as Linux says in `/proc`; elsewhere nothing is said.

use std::fs;
use std::time::Duration;

/// Processor time of a process since its start, of all its threads.
#[must_use]
pub fn processor_time(pid: u32) -> Option<Duration> {
    processor_time_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Resident memory, in bytes.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    resident_of(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn processor_time_of(stat: &str) -> Option<Duration> {
    // Numbered from 1 in proc(5): 14 is user time and 15 system time, 3 the first after the program's name.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second.max(1))))
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read() {
        let ticks = rustix::param::clock_ticks_per_second();
        let stat = format!("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 {ticks} {} 0 0 20 0", 2 * ticks);
        assert_eq!(processor_time_of(&stat), Some(Duration::from_secs(3)));
        assert_eq!(resident_of("Name:\tx\nVmRSS:\t    12 kB\n"), Some(12 << 10));
        assert_eq!(resident_of("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        if std::path::Path::new("/proc/self/status").exists() {
            assert!(resident(std::process::id()).is_some_and(|bytes| bytes > 0));
        }
    }
}
