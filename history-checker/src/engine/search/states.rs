//! States by number, so that a key holds 32 bits of state whatever the model.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::Model;

/// Every state that was met, each once.
pub(super) struct States<State> {
    list: Vec<State>,
    /// A state's number plus one; 0 is free. The length is a power of two and more than half of it is free.
    table: Vec<u32>,
    /// What the states themselves have allocated.
    heap: u64,
}

impl<State: Clone + Eq + Hash> States<State> {
    pub(super) fn new() -> States<State> {
        States { list: Vec::new(), table: vec![0; 16], heap: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, number: u32) -> &State {
        &self.list[number as usize]
    }

    /// What the list and the table occupy, with room for a doubling of both.
    pub(super) fn bytes(&self) -> u64 {
        let list = self.list.capacity() * size_of::<State>();
        self.heap + 3 * (list + 4 * self.table.len()) as u64
    }

    pub(super) fn number<M: Model<State = State>>(&mut self, model: &M, state: &State) -> u32 {
        let place = self.place(state);
        if let Some(number) = self.table[place].checked_sub(1) {
            return number;
        }
        // There are fewer than 2^32: each costs bytes, and the memory holds fewer configurations than that.
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX - 1);
        self.heap += model.heap_bytes(state) as u64;
        self.list.push(state.clone());
        self.table[place] = number + 1;
        if self.list.len() * 2 >= self.table.len() {
            self.grow();
        }
        number
    }

    fn place(&self, state: &State) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash(state) & mask;
        while let Some(number) = self.table[place].checked_sub(1) {
            if self.get(number) == state {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![0; mask + 1];
        for (number, state) in (1..).zip(&self.list) {
            let mut place = hash(state) & mask;
            while table[place] != 0 {
                place = (place + 1) & mask;
            }
            table[place] = number;
        }
        self.table = table;
    }
}

/// With the hasher's fixed keys: the same in every run.
fn hash(state: &impl Hash) -> usize {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    usize::try_from(hasher.finish() & (usize::MAX as u64)).unwrap_or(0)
}
