//! The memory of the search, against one that keeps everything.

use std::collections::HashMap;

use super::memory::{Insert, Memory, Shape};

#[test]
fn holds_exactly_what_was_inserted_through_many_growths() {
    let mut memory = Memory::new(Shape { key: 2, guards: Vec::new() });
    let mut insert = |key: [u64; 2]| memory.insert(&key, &[], u64::MAX);
    for i in 0..50_000_u64 {
        assert_eq!(insert([i, i << 40]), Insert::New);
    }
    for i in 0..50_000_u64 {
        assert_eq!(insert([i, i << 40]), Insert::Known, "{i}");
        assert_eq!(insert([i, (i << 40) + 1]), Insert::New, "{i}");
    }
    assert_eq!(memory.tried(), 100_000);
}

/// Counts of three classes: of three and of one bits in the first word, of two in the second.
fn vector(counts: [u64; 3]) -> [u64; 2] {
    [counts[0] | counts[1] << 4, counts[2]]
}

#[test]
fn of_vectors_with_one_key_only_the_least_count() {
    let mut memory = Memory::new(Shape { key: 1, guards: vec![1 << 3 | 1 << 5, 1 << 2] });
    let mut inserted: HashMap<u64, Vec<[u64; 3]>> = HashMap::new();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut known = 0;
    for _ in 0..50_000 {
        let key = rng.u64(..2_000);
        let counts = [rng.u64(..8), rng.u64(..2), rng.u64(..4)];
        let earlier = inserted.entry(key).or_default();
        let at_most = |less: &[u64; 3]| less.iter().zip(counts).all(|(&less, more)| less <= more);
        let expected = if earlier.iter().any(at_most) { Insert::Known } else { Insert::New };
        assert_eq!(
            memory.insert(&[key], &vector(counts), u64::MAX),
            expected,
            "{key} {counts:?} {earlier:?}"
        );
        known += usize::from(expected == Insert::Known);
        earlier.push(counts);
    }
    assert!((10_000..40_000).contains(&known), "{known}");
}

/// Vectors that others made superfluous leave their room to new ones.
#[test]
fn a_list_of_vectors_does_not_outgrow_what_is_least() {
    let mut memory = Memory::new(Shape { key: 1, guards: vec![1 << 31 | 1 << 63] });
    let mut insert = |one: u64, other: u64| memory.insert(&[7], &[one | other << 32], u64::MAX);
    for round in (1..60).rev() {
        // None of a round is at most another of it; each is less than one of the round before.
        for i in 0..100 {
            assert_eq!(insert(1_000 * round + i, 1_000 * round + 200 - i), Insert::New);
        }
    }
    let most = 3 * (1 << 12) * 8 + 4 * 1024;
    assert!(memory.bytes() <= most, "{}", memory.bytes());
}

#[test]
fn it_never_occupies_more_than_it_was_given() {
    for vectors in [false, true] {
        let guards = if vectors { vec![1 << 63] } else { Vec::new() };
        let mut memory = Memory::new(Shape { key: 2, guards });
        let limit = 3_000_000;
        let mut i: u64 = 0;
        while memory.insert(&[i, i / 3], &vec![1 << 20; usize::from(vectors)], limit) != Insert::Full {
            assert!(memory.bytes() <= limit, "{i}");
            i += 1;
        }
        assert!(memory.bytes() * 3 > limit, "{} bytes after {i} keys", memory.bytes());
    }
}
