//! What cargo-mutants left, and the account of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::draw::Drawn;
use super::reasons::Reasons;
use super::stage::{Begun, HANGS, Stage};

/// What came of each mutant, by its name, in which stage.
#[derive(Default)]
pub(super) struct Outcomes {
    all: BTreeMap<String, (Fate, Stage)>,
    /// Seconds that the tests of each stage take without a mutant.
    baselines: BTreeMap<&'static str, f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Caught,
    /// The tests did not end in many times what they take.
    Hung,
    /// No test failed.
    Passed,
    /// It does not compile.
    Unviable,
}

/// As cargo-mutants writes it.
#[derive(Default, Deserialize)]
struct Run {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
    #[serde(default)]
    phase_results: Vec<Phase>,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String },
}

#[derive(Deserialize)]
struct Phase {
    phase: String,
    duration: f64,
}

impl Outcome {
    /// Seconds that its tests ran.
    fn tested(&self) -> Option<f64> {
        self.phase_results.iter().find(|phase| phase.phase == "Test").map(|phase| phase.duration)
    }

    /// Tests that were stopped too soon failed for nothing: nobody has noticed the mutant.
    fn fate(&self, baseline: f64) -> Result<Fate> {
        Ok(match self.summary.as_str() {
            "CaughtMutant" => Fate::Caught,
            "MissedMutant" => Fate::Passed,
            "Timeout" if self.tested().is_some_and(|tested| tested >= HANGS * baseline) => Fate::Hung,
            "Timeout" => Fate::Passed,
            "Unviable" => Fate::Unviable,
            other => bail!("nobody knows what {other} is"),
        })
    }
}

impl Outcomes {
    /// Adds those of a run, however far it came: of what an earlier one tried too, this one has the last word.
    pub(super) fn take(&mut self, dir: &Path, begun: &Begun) -> Result<()> {
        let file = dir.join("mutants.out/outcomes.json");
        let run = match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str::<Run>(&text).or_else(|error| match error.is_eof() {
                // It was killed while the file was written anew.
                true => Ok(Run::default()),
                false => Err(error).with_context(|| format!("reading {}", file.display())),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Run::default(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        let baseline = run.outcomes.iter().find(|outcome| matches!(outcome.scenario, Scenario::Baseline));
        let baseline = baseline.filter(|baseline| baseline.summary == "Success").and_then(Outcome::tested);
        let of_mutant = |outcome: &Outcome| matches!(outcome.scenario, Scenario::Mutant { .. });
        if baseline.is_none() && !run.outcomes.iter().any(of_mutant) {
            // It ended before anything came of it.
            return Ok(());
        }
        let baseline = baseline
            .with_context(|| format!("{}: the tests did not pass without a mutant", file.display()))?;
        self.baselines.insert(begun.stage.name(), baseline);
        for outcome in &run.outcomes {
            if let Scenario::Mutant { name } = &outcome.scenario
                && begun.names.contains(name)
            {
                self.all.insert(name.clone(), (outcome.fate(baseline)?, begun.stage));
            }
        }
        Ok(())
    }

    pub(super) fn passed(&self) -> BTreeSet<String> {
        self.with(Fate::Passed).map(|(name, _)| name.to_owned()).collect()
    }

    fn with(&self, wanted: Fate) -> impl Iterator<Item = (&str, Stage)> {
        let wanted = self.all.iter().filter(move |(_, (fate, _))| *fate == wanted);
        wanted.map(|(name, (_, stage))| (name.as_str(), *stage))
    }

    /// What was tried, and what came of it. Mutants that hang the tests count neither way.
    pub(super) fn account(&self, root: &Path, reasons: &Reasons, drawn: &Drawn) -> Result<Value> {
        let mut missed = Vec::new();
        for (name, _) in self.with(Fate::Passed) {
            missed.push(json!({ "name": name, "reason": reasons.of(root, name)? }));
        }
        let hung = self.with(Fate::Hung).map(|(name, stage)| json!({ "name": name, "stage": stage }));
        let unviable = self.with(Fate::Unviable).count();
        Ok(json!({
            "drawn": drawn,
            "baseline_seconds": self.baselines,
            "not_tried": drawn.sample.saturating_sub(self.all.len()),
            "tested": self.all.len() - unviable,
            "caught": self.with(Fate::Caught).count(),
            "timeouts": hung.collect::<Vec<_>>(),
            "unviable": unviable,
            "missed": missed,
        }))
    }
}

/// An account in a line.
pub(super) fn summary(account: &Value) -> String {
    let count = |what: &str| account[what].as_array().map_or(0, Vec::len);
    let (tested, caught, unviable) = (&account["tested"], &account["caught"], &account["unviable"]);
    let (of, left) = (&account["drawn"]["of"], &account["not_tried"]);
    let (missed, open, timeouts) = (count("missed"), without_reason(account).len(), count("timeouts"));
    format!(
        "{tested} of {of} mutants: {caught} caught, {missed} missed ({open} without a reason), {timeouts} timeouts; \
         {unviable} do not compile, {left} not tried"
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
    use crate::evidence::origin::Origin;

    const DRAWN: Drawn = Drawn { of: 9, sample: 6, seed: Some(1), file: None };

    fn begun(stage: Stage) -> Begun {
        let origin = Origin {
            commit: "a".to_owned(),
            date: String::new(),
            command: String::new(),
            machine: String::new(),
        };
        let names = ["a", "b:1:2: x", "c", "d", "e:1:2: x"].map(str::to_owned).into();
        Begun { stage, origin, drawn: DRAWN, names }
    }

    /// A directory of outcomes: of the tests alone in ten seconds, and of mutants.
    fn left(baseline: &str, fates: &[(&str, &str, f64)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("mutants.out");
        fs::create_dir_all(&out).unwrap();
        let tested = |seconds: f64| json!([{ "phase": "Build", "duration": 999.0 }, { "phase": "Test", "duration": seconds }]);
        let mut all =
            vec![json!({ "scenario": "Baseline", "summary": baseline, "phase_results": tested(10.0) })];
        all.extend(fates.iter().map(|(name, fate, seconds)| {
            json!({ "scenario": { "Mutant": { "name": name } }, "summary": fate, "phase_results": tested(*seconds) })
        }));
        fs::write(out.join("outcomes.json"), json!({ "outcomes": all }).to_string()).unwrap();
        dir
    }

    #[test]
    fn a_later_stage_has_the_last_word() {
        let quick = [
            ("a", "MissedMutant", 9.0),
            ("b:1:2: x", "MissedMutant", 9.0),
            ("c", "Timeout", 50.0),
            ("d", "Unviable", 0.0),
            ("e:1:2: x", "MissedMutant", 9.0),
            ("tried all the same", "MissedMutant", 9.0),
        ];
        let whole =
            [("a", "CaughtMutant", 3.0), ("b:1:2: x", "MissedMutant", 9.0), ("e:1:2: x", "Timeout", 50.0)];
        let mut outcomes = Outcomes::default();
        for (stage, fates) in [(Stage::Quick, &quick[..]), (Stage::Whole, &whole[..])] {
            let dir = left("Success", fates);
            outcomes.take(dir.path(), &begun(stage)).unwrap();
        }
        assert_eq!(outcomes.passed().into_iter().collect::<Vec<_>>(), ["b:1:2: x"]);
        let account = outcomes.account(Path::new(""), &Reasons::default(), &DRAWN).unwrap();
        let expected = "4 of 9 mutants: 1 caught, 1 missed (1 without a reason), 2 timeouts; 1 do not compile, 1 not tried";
        assert_eq!(summary(&account), expected);
        assert_eq!(account["timeouts"][1], json!({ "name": "e:1:2: x", "stage": "whole" }));
        assert_eq!(account["baseline_seconds"], json!({ "quick": 10.0, "whole": 10.0 }));
    }

    #[test]
    fn tests_that_were_stopped_too_soon_have_noticed_nothing() {
        let dir = left("Success", &[("e:1:2: x", "Timeout", 49.0), ("b:1:2: x", "Timeout", 51.0)]);
        let mut outcomes = Outcomes::default();
        outcomes.take(dir.path(), &begun(Stage::Whole)).unwrap();
        assert_eq!(outcomes.passed().into_iter().collect::<Vec<_>>(), ["e:1:2: x"]);
    }

    #[test]
    fn where_the_tests_fail_without_a_mutant_nothing_is_caught() {
        let dir = left("Failure", &[("a:1:2: x", "CaughtMutant", 1.0)]);
        assert!(Outcomes::default().take(dir.path(), &begun(Stage::Quick)).is_err());
    }
}
