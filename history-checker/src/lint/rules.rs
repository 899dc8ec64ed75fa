//! The rules: what each finding means, how serious it is, and what to do.

use std::collections::BTreeMap;

use serde::Serialize;

/// Something that a reader of a verdict should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule was broken.
    pub rule: Rule,
    /// How much it matters.
    pub severity: Severity,
    /// How often.
    pub count: usize,
    /// Lines of the first few, at most [`Finding::LINES`].
    pub lines: Vec<usize>,
    /// The first of them, in words; empty where there is nothing to point at.
    pub example: String,
    /// What it means for a verdict.
    pub meaning: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

impl Finding {
    /// How many lines are listed.
    pub const LINES: usize = 6;
}

/// How much a finding matters. The greater, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// The test is weaker than it looks, or the record is doubtful.
    Warning,
    /// Whatever the verdict is, look here first: the record is wrong, the store contradicts itself, or nothing was
    /// tested.
    Serious,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident, $severity:ident, $meaning:literal, $advice:literal;)*) => {
        /// What a finding is about, the most serious first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule, in the order of their declaration.
            pub const ALL: &[Rule] = &[$(Rule::$name),*];

            /// How much it matters.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Rule::$name => Severity::$severity,)* }
            }

            /// What it means for a verdict.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Rule::$name => $meaning,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Rule::$name => $advice,)* }
            }
        }
    };
}

rules! {
    /// A value was observed whose only writers are recorded as failed.
    FailedWriteSeen, Serious,
        "a value was seen although every write of it is recorded as failed, so a timeout or a lost connection was filed as a failure and false alarms follow",
        "record `info` unless the store said that it did not and will not apply the operation";
    /// A value was observed that nobody wrote.
    NeverWritten, Serious,
        "a value was seen that nobody wrote, so the record has gaps, the initial value is another, or the store makes values up",
        "look for writers that are not recorded (setup, other clients), or set the initial value";
    /// A CAS did not swap and saw what it expected.
    CasContradiction, Serious,
        "a cas that says that it did not swap saw just what it expected, which no register does",
        "look at how the client tells the two answers apart";
    /// Two values were answered with one version.
    VersionOfTwoValues, Serious,
        "one version number stands for two values of the same key, so two replicas may have gone different ways",
        "check that the version is the register's own; if it is, this is a violation whatever the verdict";
    /// A version is not above one that had been answered before.
    VersionBackwards, Serious,
        "a version number is lower than one that had been answered before the operation was invoked (or a write's is not higher), so what was answered is older than what was known",
        "check that the version is the register's own and that the recorder writes lines in real time; if so, this is a stale answer";
    /// Every read of a register saw the initial value.
    OnlyInitialSeen, Serious,
        "every read saw the initial value, so no write was ever looked at",
        "check that readers and writers use the same keys, and read while and after writing";
    /// There are no completed reads.
    NothingRead, Serious,
        "no operation that observes was answered, so nothing can contradict anything",
        "let some clients read";
    /// There are no writes that may have taken effect.
    NothingWritten, Serious,
        "nothing was written, so there is only one state to see",
        "let some clients write, and check that their writes are not all refused";
    /// A later line has an earlier time.
    ClockBackwards, Warning,
        "the clock goes back from one line to the next, so lines may not be in the order of real time, which is what the check takes them for",
        "record through one log with one monotonic clock; do not sort lines of several machines together";
    /// A process invoked again after an unknown outcome.
    ProcessReused, Warning,
        "a process went on after an operation of unknown outcome, which may still be under way beside the next one: the check allows for it, but per-process views hide it",
        "take a fresh process id after an `info`";
    /// An observed value has several writers.
    AmbiguousValue, Warning,
        "a value that was seen was written more than once, so a stale read can pass for a fresh one and the fast exact engine cannot be used",
        "write a different value each time, for instance client number and counter";
    /// The initial value was written again and seen.
    InitialWrittenAgain, Warning,
        "the initial value was written again (a delete writes null) and seen, so a lost write can pass for that one",
        "do not write the initial value, or let answers carry the register's version";
    /// A unique value was answered with two versions.
    ValueOfTwoVersions, Warning,
        "one value, written once, was answered with two version numbers, so the version is not the register's own or the write took effect twice",
        "find out which: a write that takes effect twice is a violation that unique values do not show";
    /// A share of outcomes is unknown that makes many orders possible.
    ManyUnknown, Warning,
        "more than a fifth of the operations have an unknown outcome, and each may be taken to have happened at any time or never",
        "raise the client's timeouts, or disturb the store less";
    /// Keys that were used once.
    SingleOperation, Warning,
        "some keys have a single operation, which nothing can contradict except a read of what was never written",
        "use fewer keys for the same number of operations";
    /// A fault begins and never ends, or ends and never began.
    FaultUnpaired, Warning,
        "a fault that never ends is taken to last to the end of the history, and one that never began is left out of all figures",
        "write both lines, with the same name";
    /// Neighbouring lines have one and the same time.
    ClockTie, Note,
        "neighbouring lines have the same time; their order decides, as it does everywhere",
        "nothing, if the recorder wrote the lines in the order of the events; a finer clock makes ages readable";
    /// A CAS from a value to itself.
    CasToItself, Note,
        "a cas from a value to itself changes nothing: it counts as a read",
        "expect and set different values where a write is meant";
    /// A CAS was recorded as failed.
    CasFailed, Note,
        "a cas that failed says nothing by default, or only what the register did not hold",
        "record one that was evaluated as `ok` with `swapped: false` and what it saw";
    /// A CAS did not swap, and does not say what it saw.
    CasUnseen, Note,
        "a cas that did not swap and does not say what it saw only excludes one value, and the fast exact engine cannot be used",
        "record what it saw, if the store says so";
    /// Operations without a completion.
    NeverAnswered, Note,
        "some operations have no completion at all; they count as unknown",
        "nothing at the end of a run; elsewhere, look for lines that were lost";
}

/// Findings while they are collected: by rule, with an example of each.
#[derive(Debug, Default)]
pub(super) struct Findings {
    by_rule: BTreeMap<Rule, (usize, Vec<usize>, String)>,
}

impl Findings {
    /// One more. Lines and words are kept of the first few only.
    pub(super) fn add(&mut self, rule: Rule, at: &[usize], words: impl FnOnce() -> String) {
        let (count, lines, _) = self.by_rule.entry(rule).or_insert_with(|| (0, Vec::new(), words()));
        *count += 1;
        for line in at {
            if lines.len() < Finding::LINES && lines.last() != Some(line) {
                lines.push(*line);
            }
        }
    }

    /// There is nothing to be found of this kind.
    pub(super) fn forget(&mut self, rule: Rule) {
        self.by_rule.remove(&rule);
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        let finding = |(rule, (count, lines, example)): (Rule, (usize, Vec<usize>, String))| {
            let (severity, meaning, advice) = (rule.severity(), rule.meaning(), rule.advice());
            Finding { rule, severity, count, lines, example, meaning, advice }
        };
        self.by_rule.into_iter().map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_declared_in_the_order_of_their_severity() {
        assert!(Rule::ALL.windows(2).all(|pair| pair[0].severity() >= pair[1].severity()));
    }
}
