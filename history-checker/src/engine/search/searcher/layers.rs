//! By layers: see the queue ([`queue`](super::super::queue)) for the order and the reason.

use super::super::configuration::Configuration;
use super::super::layout::{NONE, small};
use super::super::memory::{Insert, Memory};
use super::super::queue::{Node, Queue};
use super::super::stranding::Stranding;
use super::{End, Limit, Searcher, shape};
use crate::model::Model;

impl<M: Model> Searcher<'_, M> {
    pub(super) fn begin_anew(&mut self) {
        while let Some(step) = self.trail.pop() {
            self.take_back(&step);
        }
        self.tried_before += self.memory.tried();
        self.memory = Memory::new(shape(self.layout, &self.options));
        self.went_by_layers = true;
    }

    /// By layers.
    pub(super) fn sweep(&mut self) -> End {
        let initial = Node {
            parent: NONE,
            choice: 0,
            first: 0,
            steps: 0,
            state: self.now.state,
            unproven: NONE,
            writer: NONE,
        };
        let mut queue = Queue::new(self.now.ahead.len() + self.now.used.len());
        if let Some(end) = self.enqueue(initial, &mut queue) {
            return end;
        }
        let end = self.empty(&mut queue);
        if matches!(end, End::Impossible) {
            self.proven = self.try_what_was_put_off(&mut queue);
        }
        end
    }

    /// Tries everything in the queue and all that it leads to.
    fn empty(&mut self, queue: &mut Queue) -> End {
        while let Some(number) = queue.pop() {
            let node = queue.node(number);
            self.asked = None;
            self.now.restore(node, queue.words(number));
            self.now.write_key(&mut self.key);
            if !self.memory.keeps(&self.key, &self.now.used) {
                continue;
            }
            self.note_progress(node.writer);
            if let Some(end) = self.expand(number, queue) {
                return end;
            }
        }
        End::Impossible
    }

    /// Enqueues what the node that `now` is at leads to.
    fn expand(&mut self, number: u32, queue: &mut Queue) -> Option<End> {
        let node = queue.node(number);
        for choice in 0..self.choices() {
            if self.take(choice) {
                let end = self.enqueue(Node { parent: number, choice, ..node }, queue);
                if end.is_some() {
                    return end;
                }
            } else if let Some(rank) = self.stranding.as_mut().and_then(Stranding::take_last)
                && rank >= self.furthest
            {
                queue.put_off(rank, (number, choice), self.furthest);
            }
        }
        None
    }

    /// After everything else was tried in vain: what was not, for the sake of entries beyond the furthest. It leads to
    /// no order, but may come further. Needs that are not beyond still count: those stop nothing before it has come as
    /// far. Whether the budget sufficed.
    fn try_what_was_put_off(&mut self, queue: &mut Queue) -> bool {
        let put_off = queue.take_put_off(self.furthest);
        let furthest = self.furthest;
        self.stranding = self.stranding.take().map(|stranding| stranding.with_horizon(furthest));
        for (number, choice) in put_off {
            let node = queue.node(number);
            self.asked = None;
            self.now.restore(node, queue.words(number));
            if self.take(choice) && self.enqueue(Node { parent: number, choice, ..node }, queue).is_some() {
                return false;
            }
        }
        matches!(self.empty(queue), End::Impossible)
    }

    /// Puts what `now` and the trail have come to into the queue, if it is new, and takes the trail back. `from` says
    /// where the trail began. The end, if this is one.
    fn enqueue(&mut self, from: Node, queue: &mut Queue) -> Option<End> {
        if self.options.prunings.eager_no_ops {
            self.observe();
        }
        if self.now.first == self.layout.completed.len() {
            self.walk(from, queue);
            return Some(End::Found);
        }
        if let Some(limit) = self.spent() {
            return Some(End::GaveUp(limit));
        }
        self.queue_bytes = queue.bytes();
        match self.remember() {
            Insert::Full => return Some(End::GaveUp(Limit::Bytes(self.options.budget.bytes))),
            Insert::Known => {}
            Insert::New => {
                let writer = self
                    .last_change
                    .checked_sub(1)
                    .map_or(from.writer, |step| small(self.entry(&self.trail[step as usize])));
                let Configuration { first, state, unproven, .. } = self.now;
                let steps = from.steps + small(self.trail.len());
                let node = Node { first: small(first), steps, state, unproven, writer, ..from };
                queue.push(node, [&self.now.ahead, &self.now.used]);
            }
        }
        while let Some(step) = self.trail.pop() {
            self.take_back(&step);
        }
        None
    }

    /// Goes the way to `last` again from the beginning, so that the trail tells it.
    fn walk(&mut self, last: Node, queue: &Queue) {
        let mut way = if last.parent == NONE { Vec::new() } else { queue.way(last.parent) };
        if last.parent != NONE {
            way.push(last.choice);
        }
        self.trail.clear();
        self.last_change = 0;
        self.asked = None;
        self.now = Configuration::new(self.layout, self.initial);
        for choice in way {
            if self.options.prunings.eager_no_ops {
                self.observe();
            }
            self.take(choice);
        }
        if self.options.prunings.eager_no_ops {
            self.observe();
        }
    }
}
