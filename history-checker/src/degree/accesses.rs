//! One register's operations, arranged for measuring: by invocation, with the writers of each value.

use crate::models::{RegisterOp, ValueId};
use crate::register_history::RegisterHistory;
use crate::timeline::Moment;

pub(super) struct Access {
    pub(super) op: RegisterOp,
    pub(super) invoked: Moment,
    /// `None`: the outcome is unknown.
    pub(super) returned: Option<Moment>,
    pub(super) process: u64,
    /// The entry in the register's history.
    pub(super) entry: usize,
}

pub(super) struct Accesses {
    /// In the order of invocation.
    pub(super) list: Vec<Access>,
    pub(super) initial: ValueId,
    /// By value.
    writers: Vec<Writers>,
    /// Invocations of the writes, by value and then by invocation; and the latest end of that value's writes so far.
    invoked: Vec<Moment>,
    ended: Vec<Moment>,
}

/// Who writes a value, the initial value's virtual writer included.
#[derive(Clone, Copy, Default)]
pub(super) struct Writers {
    pub(super) count: usize,
    /// If there is exactly one, and it is an access.
    pub(super) only: Option<usize>,
    start: usize,
}

impl Access {
    /// The value that a completed access depends on.
    pub(super) fn observed(&self) -> Option<ValueId> {
        self.returned.and(self.expected())
    }

    /// The value that an access depends on, if it took effect.
    pub(super) fn expected(&self) -> Option<ValueId> {
        match self.op {
            RegisterOp::Observe(value) | RegisterOp::Swap { from: value, .. } => Some(value),
            RegisterOp::Put(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
        }
    }

    pub(super) fn written(&self) -> Option<ValueId> {
        match self.op {
            RegisterOp::Put(value) | RegisterOp::Swap { to: value, .. } => Some(value),
            RegisterOp::Observe(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
        }
    }

    /// Of an access that is over only if it has returned.
    pub(super) fn end(&self) -> Moment {
        self.returned.unwrap_or(Moment::MAX)
    }
}

impl Accesses {
    pub(super) fn new(register: &RegisterHistory<'_>) -> Accesses {
        let entries = register.timeline.entries().iter().enumerate();
        let mut list: Vec<Access> = entries
            .map(|(entry, what)| Access {
                op: what.op,
                invoked: what.invoked,
                returned: what.returned,
                process: register.operation(entry).process,
                entry,
            })
            .collect();
        list.sort_by_key(|access| access.invoked);
        let initial = register.model.initial;
        let mut accesses =
            Accesses { list, initial, writers: Vec::new(), invoked: Vec::new(), ended: Vec::new() };
        accesses.gather_writers();
        accesses
    }

    fn gather_writers(&mut self) {
        let different = |access: &Access| match access.op {
            RegisterOp::ObserveNot(value) => Some(value),
            _ => None,
        };
        let named =
            self.list.iter().flat_map(|access| [access.expected(), access.written(), different(access)]);
        let values = named.flatten().max().unwrap_or(0).max(self.initial) + 1;
        self.writers = vec![Writers::default(); values];
        self.writers[self.initial].count = 1;
        for (number, access) in self.list.iter().enumerate() {
            let Some(writers) = access.written().map(|value| &mut self.writers[value]) else { continue };
            writers.count += 1;
            writers.only = (writers.count == 1).then_some(number);
        }
        let mut total = 0;
        for writers in &mut self.writers {
            writers.start = total;
            total += writers.count;
        }
        (self.invoked, self.ended) = (vec![0; total], vec![0; total]);
        let mut filled = vec![0; values];
        filled[self.initial] = 1;
        for access in &self.list {
            let Some(value) = access.written() else { continue };
            let place = self.writers[value].start + filled[value];
            let before = filled[value].checked_sub(1).map_or(0, |_| self.ended[place - 1]);
            (self.invoked[place], self.ended[place]) = (access.invoked, access.end().max(before));
            filled[value] += 1;
        }
    }

    pub(super) fn writers(&self, value: ValueId) -> Writers {
        self.writers[value]
    }

    /// How many values there are.
    pub(super) fn values(&self) -> usize {
        self.writers.len()
    }

    /// The latest end of those writes of a value that were invoked before `moment`; `None` if none was.
    pub(super) fn latest_end(&self, value: ValueId, moment: Moment) -> Option<Moment> {
        let Writers { start, count, .. } = self.writers[value];
        let before = self.invoked[start..start + count].partition_point(|&invoked| invoked < moment);
        before.checked_sub(1).map(|last| self.ended[start + last])
    }

    /// The completed accesses that only say what they did not see, with that.
    pub(super) fn differences(&self) -> impl Iterator<Item = (&Access, ValueId)> {
        self.list.iter().filter_map(|access| match access.op {
            RegisterOp::ObserveNot(value) if access.returned.is_some() => Some((access, value)),
            _ => None,
        })
    }

    /// Whether some answer is one that no register gives.
    pub(super) fn absurd(&self) -> bool {
        self.list.iter().any(|access| access.returned.is_some() && matches!(access.op, RegisterOp::Absurd))
    }
}
