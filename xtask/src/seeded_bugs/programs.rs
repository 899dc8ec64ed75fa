//! The tests' programs with the bugs in them. Each is built once and then called: what cargo takes to see that nothing
//! has changed is longer than most tests.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::bug::Test;
use super::compile::with_bugs;
use crate::command::{Cmd, Outcome};
use crate::step::test_counts;
use crate::workspace::Workspace;

/// Names the bug that is on.
const VARIABLE: &str = "SEEDED_BUG";

/// Those that were asked for.
#[derive(Default)]
pub(super) struct Programs {
    by_package: BTreeMap<&'static str, Vec<String>>,
    /// Tests that pass without a bug.
    sound: BTreeSet<(&'static str, &'static str)>,
}

/// What cargo says of a program that it has built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<String>,
    profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Programs {
    /// Runs a test without a bug, unless it has passed so before; none if it has.
    pub(super) fn without(
        &mut self,
        workspace: &Workspace,
        test: &Test,
        show: bool,
    ) -> Result<Option<Outcome>> {
        if self.sound.contains(&(test.package, test.name)) {
            return Ok(None);
        }
        let outcome = self.run(workspace, test, None, show)?;
        let (passed, _) = test_counts(&outcome.lines);
        if outcome.success && passed > 0 {
            self.sound.insert((test.package, test.name));
            return Ok(None);
        }
        Ok(Some(outcome))
    }

    /// Runs a test with a bug.
    pub(super) fn with(
        &mut self,
        workspace: &Workspace,
        test: &Test,
        bug: &str,
        show: bool,
    ) -> Result<Outcome> {
        self.run(workspace, test, Some(bug), show)
    }

    fn run(&mut self, workspace: &Workspace, test: &Test, bug: Option<&str>, show: bool) -> Result<Outcome> {
        if !self.by_package.contains_key(test.package) {
            self.by_package.insert(test.package, build(workspace, test)?);
        }
        let mut whole = Outcome { success: true, lines: Vec::new() };
        for program in self.by_package.get(test.package).into_iter().flatten() {
            let cmd = Cmd::path(program, [test.name]).within(test.package);
            let cmd = match bug {
                Some(bug) => cmd.env(VARIABLE, bug),
                None => cmd.unset(VARIABLE),
            };
            let one = cmd.watch(workspace, show)?;
            whole.success &= one.success;
            whole.lines.extend(one.lines);
        }
        Ok(whole)
    }
}

/// The same by cargo, for a person.
pub(super) fn by_cargo(workspace: &Workspace, test: &Test, bug: &str) -> Cmd {
    cargo(workspace, test).args([test.name.to_owned()]).env(VARIABLE, bug)
}

fn cargo(workspace: &Workspace, test: &Test) -> Cmd {
    with_bugs(workspace, Cmd::cargo(["test", "--package", test.package, "--lib", "--tests"]))
}

/// All programs of the package's tests.
fn build(workspace: &Workspace, test: &Test) -> Result<Vec<String>> {
    let words = ["--quiet", "--no-run", "--message-format=json-render-diagnostics"];
    let programs = programs(&cargo(workspace, test).args(words.map(str::to_owned)).output(workspace)?);
    ensure!(!programs.is_empty(), "{} has no tests", test.package);
    Ok(programs)
}

/// Of what cargo says line by line, of this and of other things.
fn programs(said: &str) -> Vec<String> {
    let artifacts = said.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    artifacts.filter(|artifact| artifact.profile.test).filter_map(|artifact| artifact.executable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_that_cargo_builds_only_tests_are_run() {
        let said = [
            r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":"/x/helper"}"#,
            r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":"/x/tests"}"#,
            r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "no JSON",
        ];
        assert_eq!(programs(&said.join("\n")), ["/x/tests"]);
    }
}
