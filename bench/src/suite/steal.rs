//! What the host took: time in which a virtual processor had work and was not run (`steal` in `/proc/stat`,
//! proc_stat(5)). Where it took a fifth, rates were seen halved: the figures of such a round say little.

use std::fs;

/// Begins where it is made.
#[derive(Clone, Copy, Debug)]
pub struct Watch(Option<Ticks>);

/// Of all processors, since the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    stolen: u64,
    all: u64,
}

impl Watch {
    /// From now on.
    #[must_use]
    pub fn begin() -> Watch {
        Watch(now())
    }

    /// Of the time of all processors since then, the part that was taken, in percent. None where the kernel does not
    /// tell, or no tick has passed.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "ticks of one run")]
    pub fn percent(&self) -> Option<f64> {
        let (then, now) = (self.0?, now()?);
        let all = now.all.saturating_sub(then.all);
        (all > 0).then(|| now.stolen.saturating_sub(then.stolen) as f64 * 100.0 / all as f64)
    }
}

fn now() -> Option<Ticks> {
    ticks(&fs::read_to_string("/proc/stat").ok()?)
}

/// From the line of all processors: user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first two.
fn ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let [.., stolen] = ticks[..] else { return None };
    (ticks.len() == 8).then(|| Ticks { stolen, all: ticks.iter().sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eighth_field_is_what_was_taken_and_guests_are_counted_once() {
        let stat = "cpu  10 20 30 40 50 60 70 80 900 1000\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(ticks(stat), Some(Ticks { stolen: 80, all: 360 }));
        assert_eq!(ticks("cpu  10 20 30 40 50 60 70\n"), None);
        assert_eq!(ticks("cpu0 1 1 1 1 1 1 1 1\n"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn a_share_is_never_more_than_all() {
        let watch = Watch(Some(Ticks { stolen: 0, all: 0 }));
        assert!(watch.percent().is_some_and(|percent| (0.0..=100.0).contains(&percent)));
        assert_eq!(Watch(None).percent(), None);
    }
}
