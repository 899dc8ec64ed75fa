//! One register, operation by operation.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::chains::Chains;
use super::cluster::{Cluster, Witness};
use crate::check::FailedCas;
use crate::history::{Action, Answer, Operation, Outcome};
use crate::timeline::Moment;
use crate::value::Value;

/// What is known of one register, without what can matter no more.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) clusters: HashMap<u64, Cluster>,
    pub(super) by_value: HashMap<Value, Vec<u64>>,
    pub(super) chains: Chains,
    /// The invocations of reads and CAS in flight: what may still observe something.
    pub(super) observers: BTreeSet<Moment>,
    /// Clusters in chains to have before the next time that some are looked for that can go.
    pub(super) settle_at: usize,
    /// Clusters that stand in a chain. The others are writes in flight, and those whose outcome is unknown and that
    /// nobody has observed: no settling can forget them.
    pub(super) placed: usize,
    next: u64,
}

/// Why a register is not checked any further, in a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing explains what was seen.
    Impossible(String),
    /// It takes more than one possible writer into account.
    Undecided(String),
}

impl Register {
    pub(super) fn new(initial: Value) -> Register {
        let mut register = Register {
            clusters: HashMap::new(),
            by_value: HashMap::new(),
            chains: Chains::default(),
            observers: BTreeSet::new(),
            settle_at: super::settle::FEWEST,
            placed: 0,
            next: 0,
        };
        let cluster = register.add(initial, None, None);
        let chain = register.put_first(cluster, 0);
        register.chains.change(chain, |chain| chain.first_return = (0, None));
        register.clusters.entry(cluster).and_modify(|cluster| cluster.first_return = 0);
        register
    }

    /// Writes that are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.clusters.len()
    }

    /// Something is asked. Names the cluster of what it writes, if it does.
    pub(super) fn invoke(&mut self, operation: &Operation) -> Option<u64> {
        let (value, expects) = match &operation.action {
            Action::Write(value) => (value, None),
            Action::Cas { from, to } if from != to => (to, Some(from.clone())),
            _ => {
                self.observers.insert(moment(operation));
                return None;
            }
        };
        if expects.is_some() {
            self.observers.insert(moment(operation));
        }
        Some(self.add(value.clone(), Some(Arc::new(operation.clone())), expects))
    }

    /// Something has ended.
    pub(super) fn complete(
        &mut self,
        operation: Operation,
        cluster: Option<u64>,
        failed_cas: FailedCas,
    ) -> Result<(), Ended> {
        let operation = Arc::new(operation);
        let done = self.take(&operation, cluster, failed_cas);
        // Only now: what it may have observed must not be forgotten before.
        self.observers.remove(&moment(&operation));
        if self.placed >= self.settle_at {
            self.settle();
        }
        done
    }

    fn take(
        &mut self,
        operation: &Arc<Operation>,
        cluster: Option<u64>,
        failed_cas: FailedCas,
    ) -> Result<(), Ended> {
        let only_differs = || {
            let sentence = format!("{operation} only says what the register did not hold");
            Err(Ended::Undecided(sentence))
        };
        match (&operation.action, &operation.outcome) {
            (_, Outcome::Unknown { .. }) => {
                self.sign(cluster, operation);
                Ok(())
            }
            (action, Outcome::NotApplied { .. }) => {
                self.withdraw(operation, cluster)?;
                match action {
                    Action::Cas { .. } if failed_cas == FailedCas::Observe => only_differs(),
                    _ => Ok(()),
                }
            }
            (Action::Cas { from, .. }, Outcome::Ok { answer: Answer::NotSwapped { seen }, .. }) => {
                self.withdraw(operation, cluster)?;
                match seen {
                    Some(seen) if seen == from => {
                        Err(Ended::Impossible(format!("{operation}: that is what it expected.")))
                    }
                    Some(seen) => self.observe(seen, operation),
                    None => only_differs(),
                }
            }
            (Action::Cas { from, to }, _) if from == to => self.observe(from, operation),
            (_, Outcome::Ok { answer: Answer::Read(value), .. }) => self.observe(value, operation),
            (_, Outcome::Ok { .. }) => match cluster {
                Some(cluster) => self.written(cluster, operation),
                None => Ok(()),
            },
        }
    }

    fn add(&mut self, value: Value, writer: Witness, expects: Option<Value>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.by_value.entry(value.clone()).or_default().push(id);
        let (chain, first_return, replaced_by) = (None, Moment::MAX, None);
        self.clusters.insert(id, Cluster { value, writer, expects, chain, first_return, replaced_by });
        id
    }

    /// The operation that would have written a cluster had no effect.
    fn withdraw(&mut self, operation: &Operation, cluster: Option<u64>) -> Result<(), Ended> {
        let Some(id) = cluster else { return Ok(()) };
        // One that is not there was observed, and is forgotten since.
        if self.clusters.get(&id).is_none_or(|cluster| cluster.chain.is_some()) {
            let sentence = format!("{operation}: what it would have written was observed.");
            return Err(Ended::Impossible(sentence));
        }
        self.forget_cluster(id);
        Ok(())
    }

    pub(super) fn forget_cluster(&mut self, id: u64) {
        let Some(cluster) = self.clusters.remove(&id) else { return };
        self.placed -= usize::from(cluster.chain.is_some());
        if let Some(same) = self.by_value.get_mut(&cluster.value) {
            same.retain(|other| *other != id);
            if same.is_empty() {
                self.by_value.remove(&cluster.value);
            }
        }
    }

    /// A write or CAS is known to have taken effect.
    fn written(&mut self, id: u64, operation: &Arc<Operation>) -> Result<(), Ended> {
        // One that is not there was observed, and is forgotten since.
        if !self.clusters.contains_key(&id) {
            return Ok(());
        }
        self.sign(Some(id), operation);
        let chain = self.happened(id, operation)?;
        self.returned(chain, id, operation);
        self.agrees(chain)
    }

    /// More is known of the operation that writes a cluster.
    fn sign(&mut self, id: Option<u64>, operation: &Arc<Operation>) {
        if let Some(cluster) = id.and_then(|id| self.clusters.get_mut(&id)) {
            cluster.writer = Some(operation.clone());
        }
    }

    /// An operation saw `value`.
    fn observe(&mut self, value: &Value, operation: &Arc<Operation>) -> Result<(), Ended> {
        let id = self.writer_of(value, operation)?;
        let chain = self.happened(id, operation)?;
        self.returned(chain, id, operation);
        self.invoked(chain, id, operation)?;
        self.agrees(chain)
    }

    /// The only write that an operation can have seen `value` of.
    pub(super) fn writer_of(&mut self, value: &Value, operation: &Operation) -> Result<u64, Ended> {
        if self.by_value.get(value).is_some_and(|found| found.len() > 1) {
            // Some of them may be over, and not yet forgotten.
            self.settle();
        }
        let found = self.by_value.get(value).map_or(&[][..], Vec::as_slice);
        match *found {
            [id] => Ok(id),
            [] => Err(Ended::Impossible(format!(
                "{operation} depends on {value}, which nobody had written by then, or which had been replaced before."
            ))),
            [one, other, ..] => {
                let of = |id| self.name(id);
                Err(Ended::Undecided(format!("{operation} may depend on {} or on {}", of(one), of(other))))
            }
        }
    }
}

pub(super) fn moment(operation: &Operation) -> Moment {
    operation.invoked.line as Moment
}
