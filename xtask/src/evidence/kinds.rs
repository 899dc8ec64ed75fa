//! What is recorded, what it is about, and how it comes about.

/// A kind of result; its record is `docs/evidence/NAME.json`.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The heading of its section.
    pub(crate) title: &'static str,
    /// Where the sources are of which it speaks: when they change, it speaks of what was.
    pub(crate) sources: &'static [&'static str],
    /// The job and its arguments, `--json FILE` aside, for a few minutes; if there is such a one.
    pub(super) quick: &'static [&'static str],
    /// And for as long as it takes.
    pub(super) full: &'static [&'static str],
}

impl Kind {
    /// Whether there is a run of it that is not the full one.
    pub(super) fn has_quick(&self) -> bool {
        !self.quick.is_empty() && self.quick != self.full
    }
}

/// What a simulated cluster is made of.
pub(crate) const SIMULATED: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "raft/Cargo.toml",
    "raft/src",
    "register/Cargo.toml",
    "register/src",
    "history-checker/Cargo.toml",
    "history-checker/src",
    "lab/Cargo.toml",
    "lab/src",
];

/// Their bodies run in `lab/tests/`.
pub(crate) const LAB_TESTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "raft/Cargo.toml",
    "raft/src",
    "register/Cargo.toml",
    "register/src",
    "history-checker/Cargo.toml",
    "history-checker/src",
    "lab/Cargo.toml",
    "lab/src",
    "lab/tests",
];

/// Simulated clusters, and the tests that are named for bugs.
const SEEDED_BUGS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "raft/Cargo.toml",
    "raft/src",
    "raft/tests",
    "register/Cargo.toml",
    "register/src",
    "history-checker/Cargo.toml",
    "history-checker/src",
    "history-checker/tests",
    "lab/Cargo.toml",
    "lab/src",
    "lab/regressions",
    "xtask/src/seeded_bugs",
    "xtask/src/seeded_bugs.rs",
];

/// What is changed, what is to notice it, and what is left out. Not the reasons of those that pass: they are written
/// once it is known who does, and change nothing in who does.
const MUTANTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "raft/Cargo.toml",
    "raft/src",
    "raft/tests",
    ".cargo/mutants.toml",
    "xtask/src/mutants",
    "xtask/src/mutants.rs",
];

const FUZZED: &[&str] = &[
    "Cargo.toml",
    "raft/Cargo.toml",
    "raft/src",
    "raft/fuzz",
    "history-checker/Cargo.toml",
    "history-checker/src",
    "history-checker/fuzz",
    "history-checker/tests/suite/referee.rs",
    "xtask/src/fuzz.rs",
];

/// In the order of the page.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "sim",
        title: "The simulator",
        sources: SIMULATED,
        quick: &["sim", "--seeds", "300"],
        full: &["sim", "--seeds", "90000"],
    },
    Kind {
        name: "determinism",
        title: "Determinism",
        sources: SIMULATED,
        quick: &["sim", "--seeds", "100", "--twice", "100"],
        full: &["sim", "--seeds", "1000", "--twice", "100"],
    },
    Kind {
        name: "pace",
        title: "Against real time",
        sources: SIMULATED,
        quick: &["sim", "pace"],
        full: &["sim", "pace"],
    },
    Kind {
        name: "lab-tests-4a",
        title: "Lab tests 4A on virtual time",
        sources: LAB_TESTS,
        quick: &["test-4a", "--sim", "--seeds", "100"],
        full: &["test-4a", "--sim", "--seeds", "1000"],
    },
    Kind {
        name: "lab-tests-4b",
        title: "Lab tests 4B on virtual time",
        sources: LAB_TESTS,
        quick: &["test-4b", "--sim", "--seeds", "100"],
        full: &["test-4b", "--sim", "--seeds", "1000"],
    },
    Kind {
        name: "seeded-bugs",
        title: "Seeded bugs",
        sources: SEEDED_BUGS,
        quick: &["seeded-bugs"],
        full: &["seeded-bugs", "--seeds", "1000"],
    },
    Kind {
        name: "explore",
        title: "Exhaustive exploration",
        sources: SIMULATED,
        quick: &["explore", "--quick"],
        full: &["explore"],
    },
    Kind {
        name: "mutants",
        title: "Mutation testing",
        sources: MUTANTS,
        quick: &[],
        full: &["mutants", "--sample", "400"],
    },
    Kind {
        name: "fuzz",
        title: "Fuzzing",
        sources: FUZZED,
        quick: &["fuzz", "--seconds", "20"],
        full: &["fuzz", "--seconds", "600"],
    },
];

/// The kind of this name.
pub(crate) fn named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    /// Of what is not there nobody would notice a change.
    #[test]
    fn all_sources_are_there() {
        let root = Workspace::find().unwrap().root;
        for kind in KINDS {
            for path in kind.sources {
                assert!(root.join(path).exists(), "{}: {path}", kind.name);
            }
        }
    }
}
