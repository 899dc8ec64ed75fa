//! What cargo-mutants left, and the account of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::reasons::Reasons;

/// What came of each mutant, by its name.
#[derive(Default)]
pub(super) struct Outcomes {
    all: BTreeMap<String, Fate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Caught,
    /// The tests did not end.
    Timeout,
    /// No test failed.
    Passed,
    /// It does not compile.
    Unviable,
}

impl Fate {
    /// As cargo-mutants calls them.
    const ALL: [(Fate, &str); 4] = [
        (Fate::Caught, "CaughtMutant"),
        (Fate::Timeout, "Timeout"),
        (Fate::Passed, "MissedMutant"),
        (Fate::Unviable, "Unviable"),
    ];
}

impl Outcomes {
    /// Adds those of a run, however far it came.
    pub(super) fn take(&mut self, dir: &Path) -> Result<()> {
        let file = dir.join("mutants.out/outcomes.json");
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let read: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
        for outcome in read["outcomes"].as_array().into_iter().flatten() {
            let (name, said) = (outcome["scenario"]["Mutant"]["name"].as_str(), outcome["summary"].as_str());
            let fate = Fate::ALL.iter().find(|(_, theirs)| Some(*theirs) == said);
            if let (Some(name), Some((fate, _))) = (name, fate) {
                self.all.insert(name.to_owned(), *fate);
            }
        }
        Ok(())
    }

    pub(super) fn passed(&self) -> Vec<String> {
        self.with(Fate::Passed).map(str::to_owned).collect()
    }

    fn with(&self, wanted: Fate) -> impl Iterator<Item = &str> {
        self.all.iter().filter(move |(_, fate)| **fate == wanted).map(|(name, _)| name.as_str())
    }

    /// What was tried, and what came of it. Mutants that hang the tests count neither way.
    pub(super) fn account(&self, root: &Path, reasons: &Reasons, shard: &str) -> Result<Value> {
        let mut missed = Vec::new();
        for name in self.with(Fate::Passed) {
            missed.push(json!({ "name": name, "reason": reasons.of(root, name)? }));
        }
        let unviable = self.with(Fate::Unviable).count();
        Ok(json!({
            "shard": shard,
            "tested": self.all.len() - unviable,
            "caught": self.with(Fate::Caught).count(),
            "timeouts": self.with(Fate::Timeout).collect::<Vec<_>>(),
            "unviable": unviable,
            "missed": missed,
        }))
    }
}

/// An account in a line.
pub(super) fn summary(account: &Value) -> String {
    let count = |what: &str| account[what].as_array().map_or(0, Vec::len);
    let (tested, caught, unviable) = (&account["tested"], &account["caught"], &account["unviable"]);
    let (missed, open, timeouts) = (count("missed"), without_reason(account).len(), count("timeouts"));
    format!(
        "{tested} mutants: {caught} caught, {missed} missed ({open} without a reason), {timeouts} timeouts; \
         {unviable} do not compile"
    )
}

/// Those that passed all tests, and nobody knows why.
pub(super) fn without_reason(account: &Value) -> Vec<&str> {
    let missed = account["missed"].as_array().into_iter().flatten();
    missed.filter(|missed| missed["reason"].is_null()).filter_map(|missed| missed["name"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_has_the_last_word() {
        let run = |fates: &[(&str, &str)]| {
            let outcomes = fates
                .iter()
                .map(|(name, fate)| json!({ "scenario": { "Mutant": { "name": name } }, "summary": fate }));
            json!({ "outcomes": outcomes.collect::<Vec<_>>() }).to_string()
        };
        let dir = std::env::temp_dir().join(format!("mutants-{}", std::process::id()));
        fs::create_dir_all(dir.join("mutants.out")).unwrap();
        let mut outcomes = Outcomes::default();
        for fates in [
            vec![("a", "MissedMutant"), ("b:1:2: x", "MissedMutant"), ("c", "Timeout"), ("d", "Unviable")],
            vec![("a", "CaughtMutant")],
        ] {
            fs::write(dir.join("mutants.out/outcomes.json"), run(&fates)).unwrap();
            outcomes.take(&dir).unwrap();
        }
        assert_eq!(outcomes.passed(), ["b:1:2: x"]);
        let account = outcomes.account(&dir, &Reasons::default(), "1/6").unwrap();
        let expected = "3 mutants: 1 caught, 1 missed (1 without a reason), 1 timeouts; 1 do not compile";
        assert_eq!(summary(&account), expected);
        fs::remove_dir_all(dir).unwrap();
    }
}
