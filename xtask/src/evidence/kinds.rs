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

/// What a simulated cluster is made of.
pub(crate) const SIMULATED: &[&str] = &["raft/src", "register/src", "history-checker/src", "lab/src/sim"];

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
        sources: &["raft/src", "history-checker/src", "lab/src/sim", "xtask/src/seeded_bugs"],
        quick: &["seeded-bugs"],
        full: &["seeded-bugs", "--seeds", "1000"],
    },
    Kind {
        name: "explore",
        title: "Exhaustive exploration",
        sources: &["raft/src", "lab/src/sim"],
        quick: &["explore", "--quick"],
        full: &["explore"],
    },
    Kind {
        name: "mutants",
        title: "Mutation testing",
        sources: &["raft/src", "raft/tests", "raft/mutants.toml", ".cargo/mutants.toml", "xtask/src/mutants"],
        quick: &[],
        full: &["mutants", "--sample", "320"],
    },
    Kind {
        name: "fuzz",
        title: "Fuzzing",
        sources: &["raft/src", "history-checker/src"],
        quick: &["fuzz", "--seconds", "20"],
        full: &["fuzz", "--seconds", "600"],
    },
];

pub(crate) const LAB_TESTS: &[&str] = &["raft/src", "lab/src"];

/// The kind of this name.
pub(crate) fn named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
