//! Staleness: the history is walked through once, and each observation is held against what was known when it was
//! invoked. The definitions stand at [`Staleness`].

use super::accesses::Accesses;
use super::in_effect::InEffect;
use super::{StaleRead, Staleness};
use crate::models::ValueId;
use crate::register_history::RegisterHistory;
use crate::timeline::Moment;

/// How many of the worst are listed.
const LISTED: usize = 5;

pub(super) fn measure(accesses: &Accesses, register: &RegisterHistory<'_>) -> Staleness {
    let mut walk = Walk::new(accesses);
    for (number, _) in accesses.list.iter().enumerate() {
        walk.return_what_ends_before(number);
        walk.invoke(number);
    }
    let Walk { mut found, stale, .. } = walk;
    let mut worst: Vec<StaleRead> = stale
        .into_iter()
        .map(|Stale { number, versions, replaced_by }| {
            let (read, replaced) = (accesses.list[number].entry, accesses.list[replaced_by].entry);
            let (operation, since) = (register.operation(read), register.operation(replaced).completed_at());
            let invoked = operation.invoked;
            StaleRead {
                operation: register.source(read),
                lines: [invoked.line, operation.completed_at().map_or(invoked.line, |mark| mark.line)],
                versions,
                age_ns: since.map_or(0, |since| invoked.time.saturating_sub(since.time)),
                replaced_by: register.source(replaced),
            }
        })
        .collect();
    worst.sort_by_key(|read| (std::cmp::Reverse((read.versions, read.age_ns)), read.operation));
    found.stale = worst.len();
    found.most_versions = worst.first().map_or(0, |read| read.versions);
    found.longest_ns = worst.iter().map(|read| read.age_ns).max().unwrap_or(0);
    worst.truncate(LISTED);
    Staleness { worst, ..found }
}

struct Stale {
    number: usize,
    versions: usize,
    /// The access whose return put the first of these versions into effect.
    replaced_by: usize,
}

struct Walk<'a> {
    accesses: &'a Accesses,
    /// Returns to come, the earliest last.
    returns: Vec<(Moment, usize)>,
    /// Of every access that writes, by number; the last one is the initial value's.
    writes: Vec<Write>,
    trusted: Vec<bool>,
    in_effect: InEffect,
    /// How writes came into effect, one after the other.
    effects: Vec<Effect>,
    found: Staleness,
    stale: Vec<Stale>,
}

struct Effect {
    /// The access that returned.
    by: usize,
    /// The first place that is invoked later.
    place: usize,
}

#[derive(Clone, Copy, Default)]
struct Write {
    /// The number of its effect.
    effect: Option<u32>,
    /// Where the latest invocation of the write or of a trusted observation of it is; `None`: it is the initial
    /// value's, and nobody has seen it.
    latest: Option<usize>,
}

/// A CAS is the invocation of a write and an observation of another one: two places for each access.
fn place_of_observation(number: usize) -> usize {
    2 * number
}

fn place_of_write(number: usize) -> usize {
    2 * number + 1
}

impl<'a> Walk<'a> {
    fn new(accesses: &'a Accesses) -> Walk<'a> {
        let count = accesses.list.len();
        let ends = accesses.list.iter().enumerate();
        let mut returns: Vec<(Moment, usize)> =
            ends.filter_map(|(number, access)| Some((access.returned?, number))).collect();
        returns.sort_unstable_by(|one, other| other.cmp(one));
        let mut writes = vec![Write::default(); count + 1];
        // The initial value is there before everything.
        writes[count].effect = Some(0);
        Walk {
            accesses,
            returns,
            writes,
            trusted: vec![false; count],
            in_effect: InEffect::new(2 * count),
            effects: vec![Effect { by: 0, place: 0 }],
            found: Staleness::default(),
            stale: Vec::new(),
        }
    }

    /// What returns puts writes into effect: its own, and the one that it observed.
    fn return_what_ends_before(&mut self, next: usize) {
        let now = self.accesses.list[next].invoked;
        while let Some(&(_, by)) = self.returns.last().filter(|(moment, _)| *moment < now) {
            self.returns.pop();
            let access = &self.accesses.list[by];
            let observed = access.observed().filter(|_| self.trusted[by]);
            let observed = observed.and_then(|value| self.only_writer(value));
            let written = access.written().map(|_| by);
            for write in observed.into_iter().chain(written) {
                if self.writes[write].effect.is_none() {
                    let effect = u32::try_from(self.effects.len()).ok();
                    self.effects.push(Effect { by, place: place_of_observation(next) });
                    self.writes[write].effect = effect;
                    self.in_effect.set(self.writes[write].latest, effect);
                }
            }
        }
    }

    fn invoke(&mut self, number: usize) {
        let access = &self.accesses.list[number];
        if let Some(value) = access.observed() {
            self.found.observations += 1;
            self.trusted[number] = self.judge(number, value);
            if self.trusted[number]
                && let Some(write) = self.only_writer(value)
            {
                self.follow(write, place_of_observation(number));
            }
        }
        if access.written().is_some() {
            self.follow(number, place_of_write(number));
        }
    }

    /// The write, or a trusted observation of it, was invoked at this place.
    fn follow(&mut self, write: usize, place: usize) {
        let known = self.writes[write];
        self.writes[write].latest = Some(place);
        if known.effect.is_some() {
            self.in_effect.set(known.latest, None);
            self.in_effect.set(Some(place), known.effect);
        }
    }

    /// Whether an observation can be trusted; counted if not.
    fn judge(&mut self, number: usize, value: ValueId) -> bool {
        let access = &self.accesses.list[number];
        let writers = self.accesses.writers(value);
        if writers.count == 0 {
            self.found.never_written += 1;
            return false;
        }
        let Some(latest_end) = self.accesses.latest_end(value, access.end()) else {
            self.found.from_the_future += 1;
            return false;
        };
        let (place, own) = match self.only_writer(value) {
            Some(write) => match self.writes[write].effect {
                None => return true,
                Some(effect) => (self.effects[effect as usize].place, self.writes[write].latest),
            },
            // The least stale is the one that ended last; if that is not over yet, no place comes after its end.
            None => (self.first_place_after(latest_end), None),
        };
        let replaced = self.in_effect.from(place, own);
        let Some(first) = self.effects.get(replaced.first as usize) else { return true };
        self.stale.push(Stale { number, versions: replaced.count as usize, replaced_by: first.by });
        false
    }

    /// The place in `writes` of the one write of a value; `None` if there are several.
    fn only_writer(&self, value: ValueId) -> Option<usize> {
        let writers = self.accesses.writers(value);
        let initial = self.accesses.list.len();
        (writers.count == 1).then_some(writers.only.unwrap_or(initial))
    }

    /// The first place after a moment.
    fn first_place_after(&self, moment: Moment) -> usize {
        place_of_observation(self.accesses.list.partition_point(|access| access.invoked < moment))
    }
}
