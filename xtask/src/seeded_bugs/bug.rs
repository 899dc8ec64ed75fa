//! A seeded bug: what it does, where it is known from, and who is to find it.

use std::fmt;

/// One row of the table.
pub(super) struct Bug {
    /// What `SEEDED_BUG` is set to.
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) does: &'static str,
    pub(super) test: Option<Test>,
    /// Nothing for what no cluster has in it.
    pub(super) simulated: Option<Known>,
    /// A file of `lab/regressions/` that shows it.
    pub(super) case: Option<&'static str>,
}

/// Where a bug is known from.
pub(super) enum Source {
    /// A system that had it, or a study that found it in some. `owner/repository#number` is an issue or a change there.
    Seen(&'static str),
    /// No known case: the rule that it breaks.
    Rule(&'static str),
    /// This project.
    Ours,
    /// No known case, and no rule but this project's own.
    Unknown,
}

/// A test that finds a bug.
pub(super) struct Test {
    pub(super) package: &'static str,
    /// As `cargo test` takes it.
    pub(super) name: &'static str,
}

/// What earlier runs of the simulator say.
pub(super) enum Known {
    /// Found after so many seeds.
    After(u64),
    /// Found where every order of the events of this scope is tried (`cargo xtask explore`), in its quick bounds.
    Explored(&'static str),
    /// Not found, and why.
    Hole(&'static str),
}

impl Bug {
    pub(super) const fn new(name: &'static str, source: Source, does: &'static str) -> Bug {
        Bug { name, source, does, test: None, simulated: None, case: None }
    }

    pub(super) const fn tested(mut self, package: &'static str, name: &'static str) -> Bug {
        self.test = Some(Test { package, name });
        self
    }

    pub(super) const fn simulated(mut self, known: Known) -> Bug {
        self.simulated = Some(known);
        self
    }

    pub(super) const fn replayed(mut self, case: &'static str) -> Bug {
        self.case = Some(case);
        self
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Seen(place) => f.pad(place),
            Source::Rule(rule) => f.pad(&format!("rule: {rule}")),
            Source::Ours => f.pad("this project"),
            Source::Unknown => f.pad("-"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.package, self.name)
    }
}
