//! What was seen of a scope's nodes and they may have forgotten, and the rules that it is held against.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use raft::LogIndex;
use raft::consensus::io::Ticket;
use raft::pump::Ask;
use raft::server::Reply;
use raft::storage::durable_log::DurableLog;

use super::steps::{Input, Outcome};
use super::symmetry::Turn;
use crate::sim::cluster::choosing::Digest;
use crate::sim::cluster::deeds::Deed;
use crate::sim::invariants::{Broken, History, Promise, Seen};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ghost {
    history: History,
    /// What those who read may rely on, by node and ticket.
    promises: BTreeMap<(usize, Ticket), Promise>,
    /// Reads that were answered.
    pub(super) reads: u32,
}

impl Ghost {
    pub(super) fn committed(&self) -> LogIndex {
        self.history.committed()
    }

    /// Whether anybody ever led.
    pub(super) fn has_led(&self) -> bool {
        self.history.has_led()
    }

    /// Whether a read waits at a node.
    pub(super) fn is_asked(&self, node: usize) -> bool {
        self.promises.keys().any(|(asked, _)| *asked == node)
    }

    /// A node, which was seen to be so, did this; what is durable of all others is as it is.
    fn take(
        &mut self,
        node: usize,
        mut seen: Seen,
        deeds: &[Deed],
        durable: &mut [Arc<DurableLog>],
    ) -> Result<(), Broken> {
        let size = durable.len();
        for deed in deeds {
            let (Deed::Begun(stood) | Deed::Acted { stood, .. } | Deed::Told { stood, .. }) = deed;
            durable[node] = Arc::clone(&stood.durable);
            let view = stood.view(node, durable);
            match deed {
                Deed::Begun(_) => {
                    seen = Seen::born(&view);
                    self.history.born(&view)?;
                }
                Deed::Acted { messages, beliefs, .. } => {
                    let beliefs = beliefs.iter().map(|(behind, index)| ((node + behind) % size, *index));
                    self.history.stepped(&seen, &view, &beliefs.collect::<Vec<_>>())?;
                    seen = Seen::of(&view);
                    for (behind, message) in messages {
                        self.history.leaves(node, (node + behind) % size, message)?;
                    }
                }
                Deed::Told { ticket, reply, .. } => {
                    let promise = self.promises.remove(&(node, *ticket)).unwrap_or_default();
                    self.reads += u32::from(matches!(reply, Reply::Read(_)));
                    self.history.told(&view, promise, reply)?;
                }
            }
        }
        Ok(())
    }

    fn turned(&self, turn: Turn) -> Ghost {
        let promises = self.promises.iter();
        let turned = promises.map(|((node, ticket), promise)| ((turn.of(*node), *ticket), *promise));
        Ghost {
            history: self.history.renamed(|node| turn.of(node)),
            promises: turned.collect(),
            reads: self.reads,
        }
    }
}

/// All that were met, by number.
pub(super) struct Ghosts {
    ghosts: Vec<Ghost>,
    number_of: HashMap<Ghost, u32, BuildHasherDefault<Digest>>,
    /// What becomes of one by an outcome at a node, where nothing else has a say in it.
    known: HashMap<(u32, u32, usize), u32, BuildHasherDefault<Digest>>,
    turned: HashMap<(u32, Turn), u32, BuildHasherDefault<Digest>>,
    /// False: everything is judged each time.
    pub(super) remembers: bool,
}

impl Ghosts {
    /// The first is that of so many nodes of which nothing was seen yet.
    pub(super) fn new(size: usize) -> Ghosts {
        let first = Ghost { history: History::new(size), promises: BTreeMap::new(), reads: 0 };
        let mut ghosts = Ghosts {
            ghosts: Vec::new(),
            number_of: HashMap::default(),
            known: HashMap::default(),
            turned: HashMap::default(),
            remembers: true,
        };
        ghosts.number(first);
        ghosts
    }

    pub(super) fn get(&self, ghost: u32) -> &Ghost {
        &self.ghosts[ghost as usize]
    }

    /// The ghost after a node, which was seen to be so, came to an outcome; or the rule that this breaks. `durable`
    /// is what the disks hold.
    pub(super) fn judge(
        &mut self,
        ghost: u32,
        (node, seen, input): (usize, Seen, Input),
        (number, outcome): (u32, &Outcome),
        durable: impl FnOnce() -> Vec<Arc<DurableLog>>,
    ) -> Result<u32, Broken> {
        let ends = matches!(input, Input::Kill | Input::LosePower);
        let asks = input == Input::Read && outcome.ticket.is_some();
        if outcome.deeds.is_empty() && !ends && !asks {
            return Ok(ghost);
        }
        let key = (ghost, number, node);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let mut next = self.get(ghost).clone();
        if ends {
            next.promises.retain(|(of, _), _| *of != node);
        }
        if let Some(ticket) = outcome.ticket.filter(|_| asks) {
            let promise = next.history.asked(seen.term(), &Ask::Read { query: bytes::Bytes::new() });
            next.promises.insert((node, ticket), promise);
        }
        next.take(node, seen, &outcome.deeds, &mut durable())?;
        next.history.awaited(next.promises.values_mut());
        // Whether it may be committed depends on the disks of all, and so does what a leader believes of them.
        let believes = |deed: &Deed| matches!(deed, Deed::Acted { beliefs, .. } if !beliefs.is_empty());
        let alone = next.committed() == self.get(ghost).committed() && !outcome.deeds.iter().any(believes);
        let next = self.number(next);
        if alone && self.remembers {
            self.known.insert(key, next);
        }
        Ok(next)
    }

    /// The number of a ghost as it were had all nodes other places.
    pub(super) fn turned(&mut self, ghost: u32, turn: Turn) -> u32 {
        if turn.is_none() {
            return ghost;
        }
        if let Some(known) = self.turned.get(&(ghost, turn)) {
            return *known;
        }
        let turned = self.get(ghost).turned(turn);
        let number = self.number(turned);
        self.turned.insert((ghost, turn), number);
        number
    }

    fn number(&mut self, ghost: Ghost) -> u32 {
        let next = u32::try_from(self.ghosts.len()).unwrap_or(u32::MAX);
        let ghosts = &mut self.ghosts;
        *self.number_of.entry(ghost).or_insert_with_key(|ghost| {
            ghosts.push(ghost.clone());
            next
        })
    }
}
