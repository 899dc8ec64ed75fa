//! The configurations that were tried. Those that differ only in the open entries that were used share a record, which
//! holds the least uses: a configuration that used those and more could do nothing that was not tried. No allocation
//! per configuration, and a size that depends on the input only.

use super::arena::Arena;
use crate::seeded_bug;

/// A set of keys, each with the least of the vectors of counts that came with it.
pub(super) struct Memory {
    shape: Shape,
    /// Each a key, a vector, and the link to further vectors.
    groups: Arena,
    /// Each a vector and the link to the next one. Unused ones are linked too.
    more: Arena,
    unused: u64,
    /// A group's number plus one; 0 is free. The length is a power of two and more than half of it is free.
    table: Vec<u32>,
    tried: u64,
}

/// How keys and vectors are laid out.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Words of a key.
    pub(super) key: usize,
    /// For each word of a vector, the highest bit of each of its fields, which every count leaves clear.
    pub(super) guards: Vec<u64>,
}

/// What became of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insert {
    New,
    /// It, or one that used less, was there.
    Known,
    /// It needs more bytes than there are.
    Full,
}

/// The end of a list of vectors.
const END: u64 = 0;
/// Record numbers have 32 bits, and 0 is taken in the table.
const MOST: u32 = u32::MAX - 1;

impl Memory {
    pub(super) fn new(shape: Shape) -> Memory {
        let vector = shape.guards.len();
        // Without vectors there is nothing to link.
        let links = usize::from(vector > 0);
        Memory {
            groups: Arena::new(shape.key + vector + links),
            more: Arena::new(vector + links),
            unused: END,
            table: vec![0; 1024],
            tried: 0,
            shape,
        }
    }

    /// How many configurations were new.
    pub(super) fn tried(&self) -> u64 {
        self.tried
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.groups.bytes() + self.more.bytes() + 4 * self.table.len() as u64
    }

    /// Adds a configuration, if what is there then takes at most `bytes`.
    pub(super) fn insert(&mut self, key: &[u64], vector: &[u64], bytes: u64) -> Insert {
        debug_assert_eq!(key.len(), self.shape.key, "keys have one width");
        debug_assert_eq!(vector.len(), self.shape.guards.len(), "vectors have one width");
        let place = self.place(key);
        let inserted = match self.table[place].checked_sub(1) {
            None => self.add_group(place, key, vector, bytes),
            Some(_) if vector.is_empty() => Insert::Known,
            Some(group) => self.add_vector(group, vector, bytes),
        };
        self.tried += u64::from(inserted == Insert::New);
        inserted
    }

    /// Whether this very vector is kept: it was inserted, and nothing has made it superfluous.
    pub(super) fn keeps(&self, key: &[u64], vector: &[u64]) -> bool {
        let Some(group) = self.table[self.place(key)].checked_sub(1) else { return false };
        let mut record = &self.groups.get(group)[key.len()..];
        while let Some((kept, link)) = record.split_at_checked(vector.len()) {
            if kept == vector {
                return true;
            }
            let Some(next) = link.first().and_then(|&link| number(link)) else { return false };
            record = self.more.get(next);
        }
        false
    }

    fn add_group(&mut self, place: usize, key: &[u64], vector: &[u64], bytes: u64) -> Insert {
        let crowded = (self.groups.len() as usize + 1) * 2 >= self.table.len();
        // While the table grows, the old one and the one of twice its size are both there.
        let tables = 4 * self.table.len() as u64 * if crowded { 3 } else { 1 };
        let needed = self.groups.bytes_with_another() + self.more.bytes() + tables;
        if needed > bytes || self.groups.len() >= MOST {
            return Insert::Full;
        }
        let group = self.groups.push();
        self.table[place] = group + 1;
        let record = self.groups.get_mut(group);
        record[..key.len()].copy_from_slice(key);
        record[key.len()..key.len() + vector.len()].copy_from_slice(vector);
        if crowded {
            self.grow();
        }
        Insert::New
    }

    /// Adds a vector unless one there is at most as great in every count; drops those that it makes superfluous.
    fn add_vector(&mut self, group: u32, vector: &[u64], bytes: u64) -> Insert {
        let (key, width) = (self.shape.key, vector.len());
        let record = self.groups.get(group);
        if self.at_most(&record[key..key + width], vector) {
            return Insert::Known;
        }
        let first = record[key + width];
        let mut link = first;
        while let Some(number) = number(link) {
            let record = self.more.get(number);
            if self.at_most(&record[..width], vector) {
                return Insert::Known;
            }
            link = record[width];
        }
        let first = self.drop_greater(first, vector);
        self.groups.get_mut(group)[key + width] = first;
        let inline = &self.groups.get(group)[key..key + width];
        if self.at_most(vector, inline) {
            self.groups.get_mut(group)[key..key + width].copy_from_slice(vector);
            return Insert::New;
        }
        let Some(number) = self.another(bytes) else { return Insert::Full };
        let record = self.more.get_mut(number);
        record[..width].copy_from_slice(vector);
        record[width] = first;
        self.groups.get_mut(group)[key + width] = u64::from(number) + 1;
        Insert::New
    }

    /// The list from `link` on without the vectors that are at least as great as `vector` in every count.
    fn drop_greater(&mut self, link: u64, vector: &[u64]) -> u64 {
        let width = vector.len();
        let (mut first, mut last, mut link) = (END, None, link);
        while let Some(this) = number(link) {
            let next = self.more.get(this)[width];
            if self.at_most(vector, &self.more.get(this)[..width]) {
                self.more.get_mut(this)[width] = self.unused;
                self.unused = link;
                match last {
                    None => first = next,
                    Some(last) => self.more.get_mut(last)[width] = next,
                }
            } else {
                if last.is_none() {
                    first = link;
                }
                last = Some(this);
            }
            link = next;
        }
        first
    }

    fn another(&mut self, bytes: u64) -> Option<u32> {
        if let Some(unused) = number(self.unused) {
            self.unused = self.more.get(unused)[self.shape.guards.len()];
            return Some(unused);
        }
        let needed = self.groups.bytes() + self.more.bytes_with_another() + 4 * self.table.len() as u64;
        (needed <= bytes && self.more.len() < MOST).then(|| self.more.push())
    }

    /// Whether every count of `less` is at most its like in `more`. A field with its guard set, minus the other field,
    /// keeps its guard exactly then, and takes nothing from its neighbour.
    fn at_most(&self, less: &[u64], more: &[u64]) -> bool {
        if seeded_bug!("dominance-by-number") {
            let sum = |vector: &[u64]| self.counts(vector).sum::<u64>();
            return sum(less) <= sum(more);
        }
        let mut words = less.iter().zip(more).zip(&self.shape.guards);
        words.all(|((less, more), guard)| ((more | guard) - less) & guard == *guard)
    }

    /// The counts of a vector.
    fn counts<'a>(&'a self, vector: &'a [u64]) -> impl Iterator<Item = u64> + 'a {
        self.shape.guards.iter().zip(vector).flat_map(|(&guards, &word)| {
            let mut shift = 0;
            let guards = (0..64).filter(move |bit| guards >> bit & 1 == 1);
            guards.map(move |guard| {
                let count = (word >> shift) & ((1 << (guard - shift)) - 1);
                shift = guard + 1;
                count
            })
        })
    }

    /// Where `key` is, or where it belongs.
    fn place(&self, key: &[u64]) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash(key) & mask;
        while let Some(group) = self.table[place].checked_sub(1) {
            if &self.groups.get(group)[..key.len()] == key {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![0; mask + 1];
        for group in 0..self.groups.len() {
            let mut place = hash(&self.groups.get(group)[..self.shape.key]) & mask;
            while table[place] != 0 {
                place = (place + 1) & mask;
            }
            table[place] = group + 1;
        }
        self.table = table;
    }
}

/// The record that a link leads to.
fn number(link: u64) -> Option<u32> {
    // A link is a record's number plus one.
    link.checked_sub(1).and_then(|number| u32::try_from(number).ok())
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
