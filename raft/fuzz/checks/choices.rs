//! Decisions taken from a fuzzer's bytes.

/// What is left of them; all zero once they are used up.
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub fn new(input: &'a [u8]) -> Choices<'a> {
        Choices { rest: input }
    }

    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// True once in so many times, were the bytes random.
    pub fn one_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    /// Below `n`, from as few bytes as that takes.
    pub fn below(&mut self, n: u64) -> u64 {
        let (mut drawn, mut room) = (0, n.max(1) - 1);
        while room > 0 {
            drawn = drawn << 8 | u64::from(self.byte());
            room >>= 8;
        }
        drawn % n.max(1)
    }

    /// A place in what has this length; 0 of what is empty.
    pub fn at(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Mostly a number near `known`, sometimes any.
    pub fn near(&mut self, known: u64) -> u64 {
        match self.byte() {
            0..=99 => known,
            100..=149 => known.saturating_add(1),
            150..=199 => known.saturating_sub(1),
            drawn @ 200..=239 => known.saturating_sub(20).saturating_add(u64::from(drawn) - 200),
            240..=249 => self.below(8),
            250..=253 => u64::MAX >> self.below(64),
            _ => self.below(u64::MAX),
        }
    }

    /// Some of the bytes themselves.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = self.at(most + 1).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }
}
