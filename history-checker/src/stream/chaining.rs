//! Clusters in chains, and what chains must not do.

use std::collections::HashSet;
use std::sync::Arc;

use super::cluster::{Chain, Cluster};
use super::register::{Ended, Register, moment};
use crate::history::Operation;
use crate::timeline::Moment;

impl Register {
    /// A cluster is known to have happened, because of this operation; says in which chain.
    pub(super) fn happened(&mut self, id: u64, because: &Arc<Operation>) -> Result<u64, Ended> {
        let (mut line, mut in_line) = (vec![id], HashSet::from([id]));
        // What a CAS expects has happened as well, and so on.
        while let Some(cluster) = line.last().and_then(|last| self.clusters.get(last)) {
            let (None, Some(expects)) = (cluster.chain, cluster.expects.clone()) else { break };
            let writer = cluster.writer.clone().unwrap_or_else(|| because.clone());
            let parent = self.writer_of(&expects, &writer)?;
            if !in_line.insert(parent) {
                return Err(Ended::Impossible(format!("{writer} expects a value that only it leads to.")));
            }
            line.push(parent);
        }
        let mut parent = None;
        let mut chain = 0;
        for id in line.into_iter().rev() {
            chain = match (self.clusters.get(&id).and_then(|cluster| cluster.chain), parent) {
                (Some(chain), _) => chain,
                (None, None) => {
                    let invoked = self.invocation(id);
                    self.put_first(id, invoked)
                }
                (None, Some(parent)) => self.put_after(id, parent, chain)?,
            };
            parent = Some(id);
        }
        Ok(chain)
    }

    fn invocation(&self, id: u64) -> Moment {
        self.clusters.get(&id).and_then(|cluster| cluster.writer.as_deref()).map_or(0, moment)
    }

    pub(super) fn put_first(&mut self, id: u64, invoked: Moment) -> u64 {
        let Some(cluster) = self.clusters.get_mut(&id) else { return id };
        cluster.chain = Some(id);
        self.placed += 1;
        let last_invocation = (invoked, cluster.writer.clone());
        let chain = Chain { clusters: [id].into(), first_return: (Moment::MAX, None), last_invocation };
        self.chains.insert(id, chain);
        id
    }

    fn put_after(&mut self, id: u64, parent: u64, chain: u64) -> Result<u64, Ended> {
        let sibling = self.clusters.get(&parent).and_then(|parent| parent.replaced_by);
        if let Some(sibling) = sibling {
            return Err(Ended::Impossible(format!(
                "{} and {} both replaced one and the same value: {}.",
                self.name(sibling),
                self.name(id),
                self.name(parent)
            )));
        }
        if let Some(parent) = self.clusters.get_mut(&parent) {
            parent.replaced_by = Some(id);
        }
        let invoked = self.invocation(id);
        let Some(cluster) = self.clusters.get_mut(&id) else { return Ok(chain) };
        cluster.chain = Some(chain);
        self.placed += 1;
        let writer = cluster.writer.clone();
        self.chains.change(chain, |chain| {
            chain.clusters.push_back(id);
            chain.is_invoked(invoked, &writer);
        });
        Ok(chain)
    }

    /// Something of a cluster has returned.
    pub(super) fn returned(&mut self, chain: u64, id: u64, operation: &Arc<Operation>) {
        let returned = returned(operation);
        if let Some(cluster) = self.clusters.get_mut(&id) {
            cluster.first_return = cluster.first_return.min(returned);
        }
        self.chains.change(chain, |chain| chain.returns(returned, &Some(operation.clone())));
    }

    /// Something of a cluster was invoked; nothing that replaced it may have been over by then.
    pub(super) fn invoked(&mut self, chain: u64, id: u64, operation: &Arc<Operation>) -> Result<(), Ended> {
        let invoked = moment(operation);
        self.chains.change(chain, |chain| chain.is_invoked(invoked, &Some(operation.clone())));
        let Some(chain) = self.chains.get(chain) else { return Ok(()) };
        let later = chain.clusters.iter().skip_while(|other| **other != id).skip(1);
        let over = later
            .copied()
            .find(|later| self.clusters.get(later).is_some_and(|later| later.first_return < invoked));
        match over {
            None => Ok(()),
            Some(over) => Err(Ended::Impossible(format!(
                "{operation} depends on a value that was replaced before it was invoked: {} came after it, and was over or observed by then.",
                self.name(over)
            ))),
        }
    }

    /// No other chain must come both before this one and after it.
    pub(super) fn agrees(&self, chain: u64) -> Result<(), Ended> {
        if !self.chains.any_clashes_with(chain) {
            return Ok(());
        }
        let Some(this) = self.chains.get(chain) else { return Ok(()) };
        let clashes = |other: &&Chain| this.precedes(other) && other.precedes(this);
        let others = self.chains.iter().filter(|(id, _)| *id != chain).map(|(_, other)| other);
        // The oldest of them, whatever the table's order.
        let Some(other) = others.filter(clashes).min_by_key(|other| other.first_return.0) else {
            return Ok(());
        };
        let (old, new) = match this.last_invocation.0 > other.last_invocation.0 {
            true => (this, other),
            false => (other, this),
        };
        Err(Ended::Impossible(format!("{}; but {}.", follows(old, new), follows(new, old))))
    }

    /// A write, in words.
    pub(super) fn name(&self, id: u64) -> String {
        match self.clusters.get(&id) {
            Some(Cluster { writer: Some(writer), .. }) => writer.to_string(),
            Some(Cluster { value, .. }) => format!("the initial value {value}"),
            None => "a write that is forgotten".to_owned(),
        }
    }
}

/// Why something of the one chain comes after the other, in words.
fn follows(this: &Chain, other: &Chain) -> String {
    let late = this.last_invocation.1.as_ref().map_or_else(String::new, ToString::to_string);
    match &other.first_return.1 {
        Some(early) => format!("{late} was invoked after {early} was over"),
        None => format!("{late} comes after the initial value, which was there before everything"),
    }
}

fn returned(operation: &Operation) -> Moment {
    operation.completed_at().map_or(Moment::MAX, |mark| mark.line as Moment)
}
