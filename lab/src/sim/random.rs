//! Keyed randomness: each decision is a hash of the seed, a stream, an entity and a counter, not the
//! next number of one shared generator. What is taken out of a run leaves every other decision as it
//! was; otherwise a failing run could not be made shorter.

/// One kind of decision. Streams of different names are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream of this name, say `"client.action"`.
    #[must_use]
    pub const fn named(name: &str) -> Stream {
        // FNV-1a; `draw` does the mixing.
        let (bytes, mut hash, mut at) = (name.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        Stream(hash)
    }
}

/// Everything that a run draws. There is no state: the same key gives the same number, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random {
    /// Mixed.
    seed: u64,
}

impl Random {
    /// Of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Random {
        Random { seed: mix(seed) }
    }

    /// 64 bits for the `counter`th decision of this stream about this entity.
    #[must_use]
    pub const fn draw(&self, stream: Stream, entity: u64, counter: u64) -> u64 {
        let key = mix(mix(self.seed ^ stream.0) ^ entity);
        mix(key ^ counter)
    }

    /// Below `limit`; 0 if that is 0.
    #[must_use]
    pub const fn below(&self, stream: Stream, entity: u64, counter: u64, limit: u64) -> u64 {
        // The high half of the product (Lemire): no division, and a bias of `limit` in 2⁶⁴.
        ((self.draw(stream, entity, counter) as u128 * limit as u128) >> 64) as u64
    }

    /// A place among `count`; 0 if there is none.
    #[must_use]
    pub fn pick(&self, stream: Stream, entity: u64, counter: u64, count: usize) -> usize {
        usize::try_from(self.below(stream, entity, counter, count as u64)).unwrap_or(0)
    }

    /// From `low` to `high`, both included; `low` if `high` is below it.
    #[must_use]
    pub const fn between(&self, stream: Stream, entity: u64, counter: u64, (low, high): (u64, u64)) -> u64 {
        let width = high.saturating_sub(low).saturating_add(1);
        low + self.below(stream, entity, counter, width)
    }

    /// True in so many cases of a million.
    #[must_use]
    pub const fn chance(&self, stream: Stream, entity: u64, counter: u64, ppm: u32) -> bool {
        self.below(stream, entity, counter, 1_000_000) < ppm as u64
    }
}

/// The step and finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends on
/// every bit of `x`.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Stream = Stream::named("a");
    const B: Stream = Stream::named("b");

    /// A change of these makes every recorded seed mean another run.
    #[test]
    fn golden_values() {
        let random = Random::new(1);
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf, "SplitMix64's first number of seed 0");
        assert_eq!(random.draw(A, 2, 3), 0xcd90_8469_e981_243f);
        assert_eq!(random.draw(Stream::named("client.action"), 0, 0), 0x5d77_00bd_64af_1b8b);
    }

    /// Neighbouring keys in each of the four places differ in half of their bits, as draws at random
    /// do: the mean over many pairs is 32 with a deviation far below one.
    #[test]
    fn seeds_streams_entities_and_counters_are_independent() {
        let changed: [fn(u64) -> (u64, u64); 5] = [
            |n| (Random::new(n).draw(A, 1, 1), Random::new(n + 1).draw(A, 1, 1)),
            |n| (Random::new(n).draw(A, 1, 1), Random::new(n).draw(B, 1, 1)),
            |n| (Random::new(7).draw(A, n, 1), Random::new(7).draw(A, n + 1, 1)),
            |n| (Random::new(7).draw(A, 1, n), Random::new(7).draw(A, 1, n + 1)),
            |n| (Random::new(7).draw(A, n, n + 1), Random::new(7).draw(A, n + 1, n)),
        ];
        for (place, draws) in changed.into_iter().enumerate() {
            let bits = (0..4096).map(draws).map(|(one, other)| (one ^ other).count_ones()).sum::<u32>();
            let mean = f64::from(bits) / 4096.0;
            assert!((31.5..32.5).contains(&mean), "place {place}: {mean} bits differ");
        }
    }

    #[test]
    fn helpers_keep_their_bounds_and_reach_them() {
        let random = Random::new(3);
        let all = |draw: &dyn Fn(u64) -> u64| (0..1000).map(draw).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(all(&|n| random.below(A, 0, n, 3)), [0, 1, 2].into());
        assert_eq!(all(&|n| random.below(A, 0, n, 0)), [0].into());
        assert_eq!(all(&|n| random.between(A, 0, n, (5, 7))), [5, 6, 7].into());
        assert_eq!(all(&|n| random.between(A, 0, n, (5, 4))), [5].into());
        let often = (0..10_000).filter(|n| random.chance(A, 0, *n, 250_000)).count();
        assert!((2300..2700).contains(&often), "{often} of 10000");
        assert!(!random.chance(A, 0, 0, 0));
    }
}
