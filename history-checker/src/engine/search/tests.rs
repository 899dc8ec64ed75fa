//! The parts of the search, each alone.

use super::memory::{Insert, Memory, Shape};

fn insert(memory: &mut Memory, key: &[u64], vector: &[u64]) -> Insert {
    memory.insert(key, vector, u64::MAX)
}

#[test]
fn holds_exactly_what_was_inserted_through_many_growths() {
    let mut memory = Memory::new(Shape { key: 2, guards: Vec::new() });
    for i in 0..50_000_u64 {
        assert_eq!(insert(&mut memory, &[i, i << 40], &[]), Insert::New);
    }
    for i in 0..50_000_u64 {
        assert_eq!(insert(&mut memory, &[i, i << 40], &[]), Insert::Known, "{i}");
        assert_eq!(insert(&mut memory, &[i, (i << 40) + 1], &[]), Insert::New, "{i}");
    }
    assert_eq!(memory.tried(), 100_000);
}
