//! Regularity: each observation by itself, against all writes.

use super::accesses::{Access, Accesses};
use crate::models::ValueId;
use crate::timeline::Moment;

/// Whether every observation can be explained with the writes alone: see [`Degree::regular`](super::Degree::regular).
pub(super) fn holds(accesses: &Accesses) -> bool {
    let over = Over::new(accesses);
    // A write may be the last one before an observation if it was invoked before the observation's return, and did
    // not end before the latest invocation of those writes that were over: one of these would come between.
    let may_be_last = |access: &Access, end: Option<Moment>| {
        end.is_some_and(|end| end >= over.latest_invocation(access.invoked))
    };
    let mut observations = accesses.list.iter().filter_map(|access| Some((access, access.observed()?)));
    let seen =
        observations.all(|(access, value)| may_be_last(access, accesses.latest_end(value, access.end())));
    let mut differences = accesses.differences().peekable();
    if !seen || accesses.absurd() || differences.peek().is_none() {
        return seen && !accesses.absurd();
    }
    let others = Others::new(accesses);
    differences.all(|(access, value)| may_be_last(access, others.latest_end(value, access.end())))
}

/// Writes by their returns.
struct Over {
    returned: Vec<Moment>,
    /// The latest invocation among those that returned so far.
    invoked: Vec<Moment>,
}

impl Over {
    fn new(accesses: &Accesses) -> Over {
        let writes = accesses.list.iter().filter(|access| access.written().is_some());
        let mut ends: Vec<(Moment, Moment)> =
            writes.filter_map(|write| Some((write.returned?, write.invoked))).collect();
        ends.sort_unstable();
        let mut latest = 0;
        let (returned, invoked) = ends
            .into_iter()
            .map(|(returned, invoked)| {
                latest = latest.max(invoked);
                (returned, latest)
            })
            .unzip();
        Over { returned, invoked }
    }

    /// The latest invocation among the writes that returned before `moment`; 0 if none did.
    fn latest_invocation(&self, moment: Moment) -> Moment {
        let count = self.returned.partition_point(|&returned| returned < moment);
        count.checked_sub(1).and_then(|last| self.invoked.get(last).copied()).unwrap_or(0)
    }
}

/// Writes by invocation, asked for the latest end of those that wrote something other than a given value.
struct Others {
    invoked: Vec<Moment>,
    /// The latest end so far and its value, then the latest end of another value.
    best: Vec<[Option<(Moment, ValueId)>; 2]>,
}

impl Others {
    fn new(accesses: &Accesses) -> Others {
        let mut others = Others { invoked: Vec::new(), best: Vec::new() };
        let mut best = [None; 2];
        let writes =
            accesses.list.iter().filter_map(|access| Some((access.invoked, access.end(), access.written()?)));
        for (invoked, end, value) in [(0, 0, accesses.initial)].into_iter().chain(writes) {
            best = better(best, (end, value));
            others.invoked.push(invoked);
            others.best.push(best);
        }
        others
    }

    fn latest_end(&self, value: ValueId, before: Moment) -> Option<Moment> {
        let count = self.invoked.partition_point(|&invoked| invoked < before);
        let best = self.best.get(count.checked_sub(1)?)?;
        best.iter().flatten().find(|&&(_, other)| other != value).map(|&(end, _)| end)
    }
}

fn better(best: [Option<(Moment, ValueId)>; 2], new: (Moment, ValueId)) -> [Option<(Moment, ValueId)>; 2] {
    let [first, second] = best;
    match first {
        Some((end, value)) if value == new.1 => [Some((end.max(new.0), value)), second],
        Some((end, _)) if end >= new.0 => [first, Some(second.map_or(new, |old| old.max(new)))],
        _ => [Some(new), first],
    }
}
