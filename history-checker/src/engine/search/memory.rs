//! The set of configurations that were tried: fixed-width keys side by side in one vector, found by an open-addressing
//! table of their numbers. No allocation per configuration, and a size that depends on the input only.

/// A set of keys of equal width.
pub(super) struct Memory {
    width: usize,
    keys: Vec<u64>,
    /// A key's number plus one; 0 is free. The length is a power of two and more than half of it is free.
    table: Vec<u32>,
    len: u32,
}

impl Memory {
    pub(super) fn new(width: usize) -> Memory {
        Memory { width, keys: Vec::new(), table: vec![0; 1024], len: 0 }
    }

    /// How many configurations it can hold at all.
    pub(super) const LIMIT: u32 = u32::MAX - 1;

    pub(super) fn len(&self) -> u64 {
        u64::from(self.len)
    }

    /// What the keys and the table occupy.
    pub(super) fn bytes(&self) -> u64 {
        8 * self.keys.len() as u64 + 4 * self.table.len() as u64
    }

    /// Adds a key; false if it was there.
    pub(super) fn insert(&mut self, key: &[u64]) -> bool {
        debug_assert_eq!(key.len(), self.width, "keys have one width");
        let place = self.place(key);
        if self.table[place] != 0 {
            return false;
        }
        self.len += 1;
        self.table[place] = self.len;
        self.keys.extend_from_slice(key);
        if self.len as usize * 2 >= self.table.len() {
            self.grow();
        }
        true
    }

    /// Where `key` is, or where it belongs.
    fn place(&self, key: &[u64]) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash(key) & mask;
        while let Some(number) = (self.table[place] as usize).checked_sub(1) {
            if &self.keys[number * self.width..][..self.width] == key {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![0; mask + 1];
        for (number, key) in (1..=self.len).zip(self.keys.chunks_exact(self.width)) {
            let mut place = hash(key) & mask;
            while table[place] != 0 {
                place = (place + 1) & mask;
            }
            table[place] = number;
        }
        self.table = table;
    }
}

/// Multiply and fold, word by word. The keys are ours: nobody attacks this table.
fn hash(key: &[u64]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = ODD;
    for word in key {
        state = (state ^ word).wrapping_mul(ODD);
        state ^= state >> 32;
    }
    usize::try_from(state & (usize::MAX as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_exactly_what_was_inserted_through_many_growths() {
        let mut memory = Memory::new(2);
        for i in 0..50_000_u64 {
            assert!(memory.insert(&[i, i << 40]));
        }
        for i in 0..50_000_u64 {
            assert!(!memory.insert(&[i, i << 40]), "{i}");
            assert!(memory.insert(&[i, (i << 40) + 1]), "{i}");
        }
        assert_eq!(memory.len(), 100_000);
    }
}
