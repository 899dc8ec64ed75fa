//! The search by layers: from one first missing entry to the next, in each layer those configurations first that took
//! the fewest steps.
//!
//! Going deep first finds an order soon if there is one. If there is none, it comes upon the same configuration again and
//! again, each time by a way that used less, and tries everything behind it anew. Here whatever leads to a configuration
//! that used less is tried before: it has come less far, or as far in fewer steps. So only the least are tried, each
//! once.

use std::collections::BTreeMap;

use super::arena::Arena;
use super::layout::small;

/// Configurations to try, by what they have come to, and how each was reached.
pub(super) struct Queue {
    /// Each a parent and a choice, the rest of a [`Node`], and the words of a configuration.
    nodes: Arena,
    /// Numbers of nodes that wait, by first missing entry and steps taken.
    waiting: BTreeMap<(u32, u32), Vec<u32>>,
    count: u64,
    /// What was not tried for the sake of an entry that may be beyond the end of what can be explained: the entry's
    /// rank, the node, and the choice.
    put_off: Vec<(u32, u32, u32)>,
    /// Where `put_off` is looked through for what need not be kept any longer.
    limit: usize,
}

/// What is known of a configuration besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// [`u32::MAX`]: it is where the search began.
    pub(super) parent: u32,
    /// The number of the choice among the parent's.
    pub(super) choice: u32,
    pub(super) first: u32,
    /// Entries taken on the way.
    pub(super) steps: u32,
    pub(super) state: u32,
    pub(super) unproven: u32,
    /// The entry that led to the state; [`u32::MAX`] for the initial state.
    pub(super) writer: u32,
}

/// Words of a [`Node`].
const HEAD: usize = 4;

impl Queue {
    /// For configurations of so many words.
    pub(super) fn new(words: usize) -> Queue {
        Queue {
            nodes: Arena::new(HEAD + words),
            waiting: BTreeMap::new(),
            count: 0,
            put_off: Vec::new(),
            limit: 1024,
        }
    }

    /// What it occupies, and will with another node.
    pub(super) fn bytes(&self) -> u64 {
        // A list may have room for twice as many as wait.
        self.nodes.bytes_with_another() + 8 * self.count + 24 * self.limit as u64
    }

    pub(super) fn push(&mut self, node: Node, words: [&[u64]; 2]) {
        let number = self.nodes.push();
        let record = self.nodes.get_mut(number);
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        record[..HEAD].copy_from_slice(&[
            pair(node.parent, node.choice),
            pair(node.first, node.steps),
            pair(node.state, node.unproven),
            pair(node.writer, 0),
        ]);
        let (one, other) = record[HEAD..].split_at_mut(words[0].len());
        one.copy_from_slice(words[0]);
        other.copy_from_slice(words[1]);
        self.waiting.entry((node.first, node.steps)).or_default().push(number);
        self.count += 1;
    }

    /// Remembers a choice that was not tried for the sake of `rank`. What is explained by now is `furthest`: an entry
    /// before that stops nothing that would come further.
    pub(super) fn put_off(&mut self, rank: usize, (node, choice): (u32, u32), furthest: usize) {
        if self.put_off.len() >= self.limit {
            self.put_off.retain(|&(rank, ..)| rank as usize >= furthest);
            self.limit = self.limit.max(2 * self.put_off.len());
        }
        self.put_off.push((small(rank), node, choice));
    }

    /// The nodes and choices that might come further than `furthest`.
    pub(super) fn take_put_off(&mut self, furthest: usize) -> Vec<(u32, u32)> {
        let put_off = std::mem::take(&mut self.put_off);
        let beyond = put_off.into_iter().filter(|&(rank, ..)| rank as usize >= furthest);
        beyond.map(|(_, node, choice)| (node, choice)).collect()
    }

    /// The number of a node than which none has come less far, or as far in fewer steps.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let mut least = self.waiting.first_entry()?;
        let number = least.get_mut().pop();
        if least.get().is_empty() {
            least.remove();
        }
        self.count -= 1;
        number
    }

    pub(super) fn node(&self, number: u32) -> Node {
        let record = self.nodes.get(number);
        let halves = |word: u64| {
            [word >> 32, word & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(u32::MAX))
        };
        let ([parent, choice], [first, steps]) = (halves(record[0]), halves(record[1]));
        let ([state, unproven], [writer, _]) = (halves(record[2]), halves(record[3]));
        Node { parent, choice, first, steps, state, unproven, writer }
    }

    /// The words that came with it.
    pub(super) fn words(&self, number: u32) -> &[u64] {
        &self.nodes.get(number)[HEAD..]
    }

    /// The choices that led to it, from the beginning.
    pub(super) fn way(&self, number: u32) -> Vec<u32> {
        let before = |&number: &u32| Some(self.node(number).parent).filter(|&parent| parent != u32::MAX);
        let nodes = std::iter::successors(Some(number), before);
        let mut choices: Vec<u32> = nodes
            .map(|number| self.node(number))
            .filter(|node| node.parent != u32::MAX)
            .map(|node| node.choice)
            .collect();
        choices.reverse();
        choices
    }
}
