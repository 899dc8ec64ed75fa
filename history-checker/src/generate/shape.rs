//! What a generated history looks like.

use fastrand::Rng;

use super::plant::Plant;
use crate::check::ModelKind;
use crate::value::{Key, Value};

/// What a generated history looks like. Chances are in percent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What the history is of.
    pub model: ModelKind,
    /// How many ask at the same time; at least one. A client whose answer is lost goes on as a new process.
    pub clients: usize,
    /// What the clients ask in all. [`Shape::open`] and [`Shape::plants`] come on top.
    pub operations: usize,
    /// How many objects there are, drawn evenly; at least one. Of one: the object has the key [`Shape::key`]; else `k0`, `k1`, ….
    pub keys: usize,
    /// The key of a single object.
    pub key: Option<Key>,
    /// Written values: all different, or drawn from this many and, one time in ten, null.
    pub values: Option<i64>,
    /// Operations that change the object: write, add or remove, enqueue.
    pub writes: u32,
    /// Compare-and-sets. What is left of the hundred, if anything, only looks, or dequeues.
    pub cas: u32,
    /// Answers that get lost. Whether the operation takes effect, and when, is open.
    pub lost: u32,
    /// Requests that are refused.
    pub refused: u32,
    /// Answers that are replaced: another value, another outcome of a CAS. They may be right by chance.
    pub corrupted: u32,
    /// What clients learn of a CAS that did not swap.
    pub failed_cas: FailedAnswer,
    /// What a register holds at first.
    pub initial: Value,
    /// Operations that change the object and are never answered: all invoked before everything else, where they
    /// make a checker's life hardest. Every second one takes effect, at even distances over the run.
    pub open: usize,
    /// What must be found, at even distances over the run.
    pub plants: Vec<Plant>,
}

/// What clients learn of a CAS that did not swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedAnswer {
    /// That it did not, and what was there instead.
    Seen,
    /// That it did not.
    NotSeen,
    /// Only that it failed.
    Fail,
}

/// Why no history looks like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Nobody asks, or nothing can be written.
    #[error("there must be at least one {0}")]
    None(&'static str),
    /// So many cannot be kept at a time.
    #[error("there may be at most {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// The chances of what is asked are more than a hundred percent.
    #[error("writes and cas are {0} percent together: there are only 100")]
    MoreThanAll(u32),
    /// The model is one object.
    #[error("the {0} model is one register and has no {1} keys: use map")]
    SeveralKeys(ModelKind, usize),
    /// Several objects have keys of their own.
    #[error("one key cannot name {0} objects: they are called k0, k1, …")]
    OneName(usize),
    /// The model has no CAS.
    #[error("the {0} model has no cas")]
    NoCas(ModelKind),
    /// The violations are of registers.
    #[error("{0} can be planted into registers only")]
    NotARegister(Plant),
}

impl Shape {
    /// A correct register, unique writes, half reads.
    #[must_use]
    pub fn plain(clients: usize, operations: usize) -> Shape {
        Shape {
            model: ModelKind::CasRegister,
            clients,
            operations,
            keys: 1,
            key: None,
            values: None,
            writes: 50,
            cas: 0,
            lost: 0,
            refused: 0,
            corrupted: 0,
            failed_cas: FailedAnswer::Seen,
            initial: Value::Null,
            open: 0,
            plants: Vec::new(),
        }
    }

    /// Any small shape of one register: a few clients, a few operations, often wrong.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Shape {
        let chance = |rng: &mut Rng, most: u32| if rng.bool() { 0 } else { rng.u32(..=most) };
        let (clients, operations) = (rng.usize(2..=5), rng.usize(3..=9));
        let values = rng.bool().then(|| rng.i64(1..=4));
        let writes = rng.u32(20..=70);
        Shape {
            values,
            writes,
            cas: chance(rng, 50).min(100 - writes),
            lost: chance(rng, 40),
            refused: chance(rng, 20),
            corrupted: [0, 30, 60, 100][rng.usize(..4)],
            failed_cas: [FailedAnswer::Seen, FailedAnswer::NotSeen, FailedAnswer::Fail][rng.usize(..3)],
            initial: if rng.bool() { Value::Null } else { Value::from(0_i64) },
            ..Shape::plain(clients, operations)
        }
    }

    pub(super) fn validate(&self) -> Result<(), ShapeError> {
        if self.clients == 0 {
            return Err(ShapeError::None("client"));
        }
        self.validate_sizes()?;
        if self.values.is_some_and(|values| values < 1) {
            return Err(ShapeError::None("value"));
        }
        let asked = self.writes.saturating_add(self.cas);
        if asked > 100 {
            return Err(ShapeError::MoreThanAll(asked));
        }
        let has_cas = matches!(self.model, ModelKind::CasRegister | ModelKind::Map);
        if self.cas > 0 && !has_cas {
            return Err(ShapeError::NoCas(self.model));
        }
        for &plant in &self.plants {
            if !has_cas && self.model != ModelKind::Register {
                return Err(ShapeError::NotARegister(plant));
            }
            if !has_cas && plant == Plant::LostUpdate {
                return Err(ShapeError::NoCas(self.model));
            }
        }
        Ok(())
    }

    fn validate_sizes(&self) -> Result<(), ShapeError> {
        for (what, count, most) in [("clients", self.clients, MOST_CLIENTS), ("keys", self.keys, MOST_KEYS)] {
            if count > most {
                return Err(ShapeError::TooMany { what, most });
            }
        }
        if self.keys == 0 {
            return Err(ShapeError::None("key"));
        }
        if self.keys > 1 && self.key.is_some() {
            return Err(ShapeError::OneName(self.keys));
        }
        if self.keys > 1 && matches!(self.model, ModelKind::Register | ModelKind::CasRegister) {
            return Err(ShapeError::SeveralKeys(self.model, self.keys));
        }
        Ok(())
    }
}

/// What is in flight is kept in memory, and so is every object.
const MOST_CLIENTS: usize = 1_000_000;
const MOST_KEYS: usize = 10_000_000;
