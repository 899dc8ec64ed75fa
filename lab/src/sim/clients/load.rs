//! What a client of the register asks, and when: everything is drawn by key, so that a client's
//! tenth operation is the same whatever became of the other nine.

use std::time::Duration;

use bytes::Bytes;
use register::outcome::MAX_VALUE;
use serde::{Deserialize, Serialize};

use crate::sim::random::{Random, Stream};

const SWARM: Stream = Stream::named("load.swarm");
const KEY: Stream = Stream::named("load.key");
const HOT: Stream = Stream::named("load.hot");
const KIND: Stream = Stream::named("load.kind");
const PAUSE: Stream = Stream::named("load.pause");
const BURST: Stream = Stream::named("load.burst");
const LARGE: Stream = Stream::named("load.large");
const SIZE: Stream = Stream::named("load.size");
const OVERSIZED: Stream = Stream::named("load.oversized");
const ABANDON: Stream = Stream::named("load.abandon");
const PATIENCE: Stream = Stream::named("load.patience");

/// Keys, at most.
pub const MAX_KEYS: u8 = 8;
/// The first of a client's values; it has as many as there are numbers between two clients' firsts.
const VALUES: u64 = 1_000_000;
/// Bytes of a value's number, which stand at its front.
const NUMBER: usize = 8;

/// Too long for the register. Its content does not matter: nobody may ever see it.
static TOO_LONG: [u8; MAX_VALUE + 1] = [0; MAX_VALUE + 1];

/// How clients use the register. Shares named `ppm` are in a million.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// From 1 to [`MAX_KEYS`].
    pub keys: u8,
    /// Operations on the first key beside its share of the others.
    pub hot_ppm: u32,
    /// Reads, against the other three.
    pub reads: u32,
    /// Puts.
    pub puts: u32,
    /// Compare-and-sets.
    pub cas: u32,
    /// Deletes.
    pub deletes: u32,
    /// From one beginning to the next, or to where there is room for it: half to one and a half times
    /// this long.
    pub pause: Duration,
    /// Operations under way at a time: 1 makes a closed loop, many an open one.
    pub in_flight: usize,
    /// Beginnings of as many operations as there is room for, instead of one.
    pub burst_ppm: u32,
    /// Values of 4 to 64 KiB.
    pub large_ppm: u32,
    /// Values that are too long for the register.
    pub oversized_ppm: u32,
    /// Operations that nobody waits for to their end.
    pub abandon_ppm: u32,
    /// How long an operation is tried.
    pub deadline: Duration,
    /// How long a node may be silent before another is asked.
    pub attempt_timeout: Duration,
}

impl Default for Load {
    /// Some of everything.
    fn default() -> Load {
        Load {
            keys: 3,
            hot_ppm: 0,
            reads: 5,
            puts: 3,
            cas: 2,
            deletes: 0,
            pause: Duration::from_millis(20),
            in_flight: 1,
            burst_ppm: 0,
            large_ppm: 0,
            oversized_ppm: 0,
            abandon_ppm: 0,
            deadline: Duration::from_secs(3),
            attempt_timeout: Duration::from_millis(500),
        }
    }
}

/// What a client is to do in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Get.
    Read,
    /// Put.
    Put,
    /// Put what is too long.
    PutTooLong,
    /// Compare-and-set, from what this client last saw: its value.
    CasValue,
    /// The same: its version.
    CasVersion,
    /// Delete.
    Delete,
}

impl Load {
    /// A load of this run's own: each trait is there in half of the runs, and then at a rate between
    /// rare and frequent.
    #[must_use]
    pub fn drawn(random: Random) -> Load {
        let number = |what, low, high| random.between(SWARM, what, 0, (low, high));
        // Log-uniform: each doubling of the rate is as likely as the next.
        let rate = |what: u64, low: u32, doublings: u64| match random.below(SWARM, what, 1, 2) {
            0 => 0,
            _ => low << random.below(SWARM, what, 2, doublings),
        };
        let few = |what, most| u32::try_from(number(what, 0, most)).unwrap_or(0);
        let in_flight = 1 << number(7, 0, 3);
        Load {
            keys: u8::try_from(number(0, 1, MAX_KEYS.into())).unwrap_or(1),
            hot_ppm: rate(1, 100_000, 4),
            reads: 1 + few(2, 5),
            puts: 1 + few(3, 4),
            cas: few(4, 3),
            // Where no value is unique, as nothing is not, the checker must search; with many operations
            // at once it might not come to an end.
            deletes: if in_flight <= 2 { few(5, 1) } else { 0 },
            pause: Duration::from_millis(1 << number(6, 0, 7)),
            in_flight,
            burst_ppm: rate(8, 1_000, 7),
            large_ppm: rate(9, 1_000, 6),
            oversized_ppm: rate(10, 1_000, 4),
            abandon_ppm: rate(11, 1_000, 5),
            deadline: Duration::from_millis(250 << number(12, 0, 5)),
            attempt_timeout: Duration::from_millis(50 << number(13, 0, 4)),
        }
    }

    /// What client `client` does in its `turn`th operation, and to which key.
    #[must_use]
    pub fn turn(&self, random: Random, client: u64, turn: u64) -> (u8, Kind) {
        let keys = u64::from(self.keys.clamp(1, MAX_KEYS));
        let key = match random.chance(HOT, client, turn, self.hot_ppm) {
            true => 0,
            false => u8::try_from(random.below(KEY, client, turn, keys)).unwrap_or(0),
        };
        (key, self.kind(random, client, turn))
    }

    fn kind(&self, random: Random, client: u64, turn: u64) -> Kind {
        if random.chance(OVERSIZED, client, turn, self.oversized_ppm) {
            return Kind::PutTooLong;
        }
        let by_version = random.below(KIND, client, turn, 2) == 0;
        let cas = if by_version { Kind::CasVersion } else { Kind::CasValue };
        let shares = [(self.puts, Kind::Put), (self.cas, cas), (self.deletes, Kind::Delete)];
        let all = shares.iter().fold(u64::from(self.reads), |sum, (share, _)| sum + u64::from(*share));
        let mut drawn = random.below(KIND, client, !turn, all);
        for (share, kind) in shares {
            if drawn < share.into() {
                return kind;
            }
            drawn -= u64::from(share);
        }
        Kind::Read
    }

    /// How many operations to begin at once where there is room for so many.
    #[must_use]
    pub fn begin(&self, random: Random, client: u64, turn: u64, room: usize) -> usize {
        if random.chance(BURST, client, turn, self.burst_ppm) { room } else { room.min(1) }
    }

    /// How long to wait after the `turn`th beginning.
    #[must_use]
    pub fn pause(&self, random: Random, client: u64, turn: u64) -> Duration {
        let mean = u64::try_from(self.pause.as_nanos()).unwrap_or(u64::MAX / 2).max(1_000);
        Duration::from_nanos(mean / 2 + random.below(PAUSE, client, turn, mean))
    }

    /// After what time nobody waits any more for the `turn`th operation.
    #[must_use]
    pub fn abandon(&self, random: Random, client: u64, turn: u64) -> Option<Duration> {
        let abandoned = random.chance(ABANDON, client, turn, self.abandon_ppm);
        let millis = self.attempt_timeout.as_millis().try_into().unwrap_or(u64::MAX);
        abandoned.then(|| Duration::from_millis(random.between(PATIENCE, client, turn, (0, millis))))
    }

    /// The number that client `client` writes in its `turn`th operation: nobody else's.
    #[must_use]
    pub fn number(client: u64, turn: u64) -> u64 {
        (client + 1) * VALUES + turn
    }

    /// The bytes that stand for a number: the number, then as many bytes of one kind as were drawn
    /// for it, so that whoever reads them can tell whether they are all there.
    #[must_use]
    pub fn value(&self, random: Random, number: u64) -> Bytes {
        let mut value = vec![fill(number); NUMBER + self.padding(random, number)];
        value[..NUMBER].copy_from_slice(&number.to_le_bytes());
        value.into()
    }

    /// The number that these bytes stand for, if they are just those of [`Load::value`].
    #[must_use]
    pub fn number_of(&self, random: Random, value: &[u8]) -> Option<u64> {
        let (number, padding) = value.split_first_chunk::<NUMBER>()?;
        let number = u64::from_le_bytes(*number);
        let whole = padding.len() == self.padding(random, number);
        (whole && padding.iter().all(|byte| *byte == fill(number))).then_some(number)
    }

    /// What [`Kind::PutTooLong`] puts.
    #[must_use]
    pub fn too_long() -> Bytes {
        Bytes::from_static(&TOO_LONG)
    }

    fn padding(&self, random: Random, number: u64) -> usize {
        let bytes = match random.chance(LARGE, number, 0, self.large_ppm) {
            true => (4 << 10, 64 << 10),
            false => (0, 56),
        };
        usize::try_from(random.between(SIZE, number, 0, bytes)).unwrap_or(0)
    }
}

fn fill(number: u64) -> u8 {
    number.to_le_bytes()[0] | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: Random = Random::new(1);

    fn count(load: &Load, of: impl Fn(u8, Kind) -> bool) -> usize {
        (0..10_000).map(|turn| load.turn(RANDOM, 0, turn)).filter(|(key, kind)| of(*key, *kind)).count()
    }

    #[test]
    fn kinds_come_in_their_shares() {
        let load = Load { reads: 5, puts: 3, cas: 2, deletes: 1, oversized_ppm: 100_000, ..Load::default() };
        let share = |of: Kind| count(&load, |_, kind| kind == of) / 100;
        assert!((38..=44).contains(&share(Kind::Read)));
        assert!((22..=27).contains(&share(Kind::Put)));
        assert!((6..=10).contains(&share(Kind::CasValue)));
        assert!((6..=10).contains(&share(Kind::CasVersion)));
        assert!((6..=10).contains(&share(Kind::Delete)));
        assert!((8..=12).contains(&share(Kind::PutTooLong)));
    }

    #[test]
    fn one_key_may_be_hot_and_all_are_used() {
        let load = Load { keys: 8, ..Load::default() };
        for key in 0..8 {
            assert!((1_100..1_400).contains(&count(&load, |its, _| its == key)));
        }
        assert_eq!(count(&load, |key, _| key >= 8), 0);
        let hot = Load { hot_ppm: 500_000, ..load };
        assert!((5_400..5_900).contains(&count(&hot, |key, _| key == 0)));
    }

    #[test]
    fn a_value_is_its_number_and_nothing_else_is() {
        let load = Load { large_ppm: 100_000, ..Load::default() };
        let mut large = 0;
        for number in (0..3).flat_map(|client| (0..100).map(move |turn| Load::number(client, turn))) {
            let value = load.value(RANDOM, number);
            large += usize::from(value.len() >= 4 << 10);
            assert_eq!(load.number_of(RANDOM, &value), Some(number));
            assert_eq!(load.number_of(RANDOM, &value[..value.len() - 1]), None);
            assert_eq!(load.number_of(RANDOM, &[&value[..], b"x"].concat()), None);
            if value.len() > NUMBER {
                let mut wrong = value.to_vec();
                wrong[value.len() - 1] ^= 2;
                assert_eq!(load.number_of(RANDOM, &wrong), None);
            }
        }
        assert!((15..=45).contains(&large), "{large} of 300 are large");
    }

    #[test]
    fn runs_differ_in_every_trait() {
        let loads: Vec<Load> = (0..200).map(|seed| Load::drawn(Random::new(seed))).collect();
        let both = |has: fn(&Load) -> bool| {
            let some = loads.iter().filter(|load| has(load)).count();
            (10..190).contains(&some)
        };
        assert!(both(|load| load.keys > 1) && both(|load| load.hot_ppm > 0));
        assert!(both(|load| load.cas > 0) && both(|load| load.deletes > 0));
        assert!(both(|load| load.in_flight > 1) && both(|load| load.burst_ppm > 0));
        assert!(both(|load| load.large_ppm > 0) && both(|load| load.oversized_ppm > 0));
        assert!(both(|load| load.abandon_ppm > 0) && both(|load| load.deadline > load.attempt_timeout * 4));
        assert!(loads.iter().all(|load| load.deletes == 0 || load.in_flight <= 2));
    }
}
