//! A process's clock.

use std::time::Duration;

use raft::Timestamp;

use crate::sim::nanos;

/// A process's monotonic clock: it begins at 0 with the process, and may run fast or slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::sim) struct Clock {
    /// What it said when its rate was set, and when that was.
    then: (Timestamp, Timestamp),
    /// Fast by so many millionths.
    drift_ppm: i32,
}

impl Clock {
    pub(super) fn started(now: Timestamp, drift_ppm: i32) -> Clock {
        Clock { then: (Timestamp::default(), now), drift_ppm }
    }

    /// What it says.
    pub(in crate::sim) fn read(&self, now: Timestamp) -> Timestamp {
        let (said, at) = self.then;
        let passed = u128::from(nanos(now - at));
        let rate = u128::from(u32::try_from(1_000_000 + i64::from(self.drift_ppm)).unwrap_or(1));
        said + Duration::from_nanos(u64::try_from(passed * rate / 1_000_000).unwrap_or(u64::MAX))
    }

    /// When it says this, or will at last.
    pub(in crate::sim) fn when(&self, reading: Timestamp) -> Timestamp {
        let (said, at) = self.then;
        let rate = u128::from(u32::try_from(1_000_000 + i64::from(self.drift_ppm)).unwrap_or(1));
        let passes = u128::from(nanos(reading - said)) * 1_000_000;
        at + Duration::from_nanos(u64::try_from(passes.div_ceil(rate)).unwrap_or(u64::MAX))
    }

    /// It says this now.
    pub(in crate::sim) fn jump(&mut self, now: Timestamp, reading: Timestamp) {
        self.then = (reading, now);
    }

    /// From now on it runs at another rate.
    pub(in crate::sim) fn drift(&mut self, now: Timestamp, drift_ppm: i32) {
        self.then = (self.read(now), now);
        self.drift_ppm = drift_ppm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_says_at_last_what_is_waited_for_and_not_before() {
        for drift in [-200_000, -3, 0, 7, 150_000] {
            let mut clock = Clock::started(Timestamp::from_nanos(17), drift);
            clock.drift(Timestamp::from_nanos(1_000_003), -drift);
            for reading in [2_000_000, 2_000_001, 7_777_777_777] {
                let reading = Timestamp::from_nanos(reading);
                let at = clock.when(reading);
                assert!(clock.read(at) >= reading);
                assert!(clock.read(Timestamp::from_nanos(at.as_nanos() - 2)) < reading);
            }
        }
    }
}
