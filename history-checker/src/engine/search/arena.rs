//! Records of equal width, side by side in pieces of fixed size: growing never copies, so what is asked for is what is
//! occupied.

/// Words in a piece, about.
const PIECE: usize = 1 << 12;

/// Records by number, from 0 on.
pub(super) struct Arena {
    /// Words of a record.
    width: usize,
    /// A piece holds two to the power of this many records.
    shift: u32,
    pieces: Vec<Box<[u64]>>,
    len: u32,
}

impl Arena {
    pub(super) fn new(width: usize) -> Arena {
        Arena { width, shift: (PIECE / width.max(1)).max(1).ilog2(), pieces: Vec::new(), len: 0 }
    }

    /// The number that the next record gets.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn bytes(&self) -> u64 {
        self.pieces.len() as u64 * self.piece_bytes()
    }

    /// What it occupies once another record is in it.
    pub(super) fn bytes_with_another(&self) -> u64 {
        let full = self.len as usize == self.pieces.len() << self.shift;
        self.bytes() + if full { self.piece_bytes() } else { 0 }
    }

    /// Adds a record of zeros.
    pub(super) fn push(&mut self) -> u32 {
        if self.len as usize == self.pieces.len() << self.shift {
            self.pieces.push(vec![0; self.width << self.shift].into_boxed_slice());
        }
        self.len += 1;
        self.len - 1
    }

    pub(super) fn get(&self, number: u32) -> &[u64] {
        let (piece, start) = self.place(number);
        &self.pieces[piece][start..start + self.width]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut [u64] {
        let (piece, start) = self.place(number);
        &mut self.pieces[piece][start..start + self.width]
    }

    fn place(&self, number: u32) -> (usize, usize) {
        let number = number as usize;
        (number >> self.shift, (number & ((1 << self.shift) - 1)) * self.width)
    }

    fn piece_bytes(&self) -> u64 {
        (8 * self.width as u64) << self.shift
    }
}
