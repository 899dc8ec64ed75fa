//! What was seen from outside: operations with their invocations, their answers, and the faults of the run.

use std::fmt;

use crate::value::{Key, Short, Value};

/// A recorded run. Real time is the order of its lines; times are carried along for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    operations: Vec<Operation>,
    faults: Vec<Fault>,
}

/// One client operation, from its invocation to whatever is known of its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who asked. A process has at most one operation under way.
    pub process: u64,
    /// Which register, if the history has several.
    pub key: Option<Key>,
    /// What was asked.
    pub action: Action,
    /// When it was asked.
    pub invoked: Mark,
    /// What is known of its end.
    pub outcome: Outcome,
}

/// A place in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line number, counted from 1: the real-time order. No two events share a line.
    pub line: usize,
    /// Nanoseconds on the recorder's clock; for display only.
    pub time: u64,
}

/// What a client asks of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Return the value; of a set, all its elements.
    Read,
    /// Set the value; `Null` deletes it.
    Write(Value),
    /// Set the value to `to` if it is `from`.
    Cas {
        /// The expected value.
        from: Value,
        /// The new value.
        to: Value,
    },
    /// Add to a counter, or an element to a set.
    Add(Value),
    /// Remove an element from a set.
    Remove(Value),
    /// Put an element at a queue's end.
    Enqueue(Value),
    /// Take the element at a queue's front.
    Dequeue,
}

/// What an [`Action`] is, without its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpKind {
    /// [`Action::Read`]
    Read,
    /// [`Action::Write`]
    Write,
    /// [`Action::Cas`]
    Cas,
    /// [`Action::Add`]
    Add,
    /// [`Action::Remove`]
    Remove,
    /// [`Action::Enqueue`]
    Enqueue,
    /// [`Action::Dequeue`]
    Dequeue,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect exactly once between invocation and `returned`.
    Ok {
        /// When the answer arrived.
        returned: Mark,
        /// The answer.
        answer: Answer,
        /// The register's version that the answer named, if it did. Recorded; no engine relies on it.
        version: Option<u64>,
    },
    /// It certainly had no effect, now or later (`fail`).
    NotApplied {
        /// When that became known.
        returned: Mark,
    },
    /// It may take effect at any time after its invocation, even after the client gave up, or never. No mark: nobody has reported yet.
    Unknown {
        /// When the client gave up.
        gave_up: Option<Mark>,
    },
}

/// The answer of an operation that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A read's value; a dequeue's, where `Null` says that the queue was empty.
    Read(Value),
    /// A set's elements, in any order.
    Elements(Vec<Value>),
    /// It is done, and there is nothing to say: a write, an add, a remove, an enqueue.
    Done,
    /// A CAS found what it expected and swapped.
    Swapped,
    /// A CAS was evaluated and did not swap.
    NotSwapped {
        /// The value that it found, if the answer named it: then it is as good as a read.
        seen: Option<Value>,
    },
}

/// One end of an injected fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was done, for people: `kill n1`.
    pub name: String,
    /// Whether it starts or ends here.
    pub edge: FaultEdge,
    /// Where in the history.
    pub at: Mark,
}

/// Whether a fault starts or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultEdge {
    /// The fault is in force from here.
    Begin,
    /// The fault is healed here.
    End,
}

impl History {
    /// The operations in the order of their invocations. An operation's index here is its name in every report.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The faults in the order of their lines.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Adds an operation that has just been invoked and returns its index.
    pub(crate) fn invoke(&mut self, process: u64, key: Option<Key>, action: Action, invoked: Mark) -> usize {
        let outcome = Outcome::Unknown { gave_up: None };
        self.push(Operation { process, key, action, invoked, outcome })
    }

    /// Adds an operation and returns its index. Operations come by invocation.
    pub(crate) fn push(&mut self, operation: Operation) -> usize {
        self.operations.push(operation);
        self.operations.len() - 1
    }

    pub(crate) fn complete(&mut self, index: usize, outcome: Outcome) {
        self.operations[index].outcome = outcome;
    }

    pub(crate) fn add_fault(&mut self, name: String, edge: FaultEdge, at: Mark) {
        self.faults.push(Fault { name, edge, at });
    }
}

impl Operation {
    /// Where its completion stands, whatever it says; `None` if it has none.
    #[must_use]
    pub fn completed_at(&self) -> Option<Mark> {
        match &self.outcome {
            Outcome::Ok { returned, .. } | Outcome::NotApplied { returned } => Some(*returned),
            Outcome::Unknown { gave_up } => *gave_up,
        }
    }
}

/// A clause for people: who, what, what came of it, and where to look it up.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.invoked.line;
        write!(f, "process {}'s {}", self.process, self.action)?;
        match &self.outcome {
            Outcome::Ok { returned, answer, .. } => write!(f, "{answer} (lines {first}–{})", returned.line),
            Outcome::NotApplied { returned } => write!(f, " that failed (lines {first}–{})", returned.line),
            Outcome::Unknown { gave_up: Some(mark) } => {
                write!(f, " (lines {first}–{}, outcome unknown)", mark.line)
            }
            Outcome::Unknown { gave_up: None } => write!(f, " (line {first}, never answered)"),
        }
    }
}

impl Action {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> OpKind {
        match self {
            Action::Read => OpKind::Read,
            Action::Write(_) => OpKind::Write,
            Action::Cas { .. } => OpKind::Cas,
            Action::Add(_) => OpKind::Add,
            Action::Remove(_) => OpKind::Remove,
            Action::Enqueue(_) => OpKind::Enqueue,
            Action::Dequeue => OpKind::Dequeue,
        }
    }

    /// What the formats call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

impl OpKind {
    /// All of them.
    pub const ALL: [OpKind; 7] = [
        OpKind::Read,
        OpKind::Write,
        OpKind::Cas,
        OpKind::Add,
        OpKind::Remove,
        OpKind::Enqueue,
        OpKind::Dequeue,
    ];

    /// What the formats call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OpKind::Read => "read",
            OpKind::Write => "write",
            OpKind::Cas => "cas",
            OpKind::Add => "add",
            OpKind::Remove => "remove",
            OpKind::Enqueue => "enqueue",
            OpKind::Dequeue => "dequeue",
        }
    }

    /// The one that the formats call so.
    #[must_use]
    pub fn named(name: &str) -> Option<OpKind> {
        OpKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The names of all, for a sentence.
    pub(crate) fn listed() -> String {
        let [first @ .., last] = OpKind::ALL.map(OpKind::name);
        format!("{} or {last}", first.join(", "))
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Read => f.write_str("read"),
            Action::Write(value) => write!(f, "write of {}", Short(value)),
            Action::Cas { from, to } => write!(f, "cas {}→{}", Short(from), Short(to)),
            Action::Add(value) => write!(f, "add of {}", Short(value)),
            Action::Remove(value) => write!(f, "removal of {}", Short(value)),
            Action::Enqueue(value) => write!(f, "enqueue of {}", Short(value)),
            Action::Dequeue => f.write_str("dequeue"),
        }
    }
}

/// The part of the clause that only some answers need.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Read(value) => write!(f, " that saw {}", Short(value)),
            Answer::Elements(values) => {
                let values: Vec<String> = values.iter().map(|value| Short(value).to_string()).collect();
                write!(f, " that saw {{{}}}", values.join(", "))
            }
            Answer::Done | Answer::Swapped => Ok(()),
            Answer::NotSwapped { seen: Some(value) } => {
                write!(f, " that did not swap and saw {}", Short(value))
            }
            Answer::NotSwapped { seen: None } => f.write_str(" that did not swap"),
        }
    }
}
