//! What a run that took its time must come to: the numbers of the project, all in one place.

use serde_json::Value;

use super::kinds::Kind;

/// Something of a kind of result that must be at least so much.
struct Limit {
    kind: &'static str,
    what: &'static str,
    figure: fn(&Value) -> f64,
    least: f64,
}

/// Names of scopes of the exploration: none may be missing.
const SCOPES: &[&str] = &[
    "crash",
    "deaf-leader",
    "election",
    "entries",
    "figure-8",
    "loss",
    "one-node",
    "one-way-cut",
    "read",
    "slow-disk",
    "snapshot",
];

const LIMITS: &[Limit] = &[
    Limit { kind: "sim", what: "events", figure: |sim| count(&sim["events"]), least: 2e9 },
    Limit { kind: "sim", what: "events/s and core", figure: rate, least: 300_000.0 },
    Limit { kind: "determinism", what: "seeds twice", figure: |sim| count(&sim["twice"]), least: 1_000.0 },
    Limit { kind: "pace", what: "times as fast as real time", figure: pace, least: 100.0 },
    Limit { kind: "lab-tests-4a", what: "tests", figure: lab_tests, least: 2.0 },
    Limit { kind: "lab-tests-4b", what: "tests", figure: lab_tests, least: 16.0 },
    Limit { kind: "explore", what: "states", figure: states, least: 1e7 },
    Limit { kind: "explore", what: "known scopes", figure: scopes, least: SCOPES.len() as f64 },
    Limit { kind: "mutants", what: "mutants caught or missed", figure: judged, least: 300.0 },
    Limit { kind: "mutants", what: "% of these caught", figure: score, least: 90.0 },
    Limit {
        kind: "fuzz",
        what: "targets with time",
        figure: fuzzed,
        least: crate::fuzz::TARGETS.len() as f64,
    },
];

/// What falls short, in words.
pub(super) fn missed(kind: &Kind, result: &Value) -> Vec<String> {
    let limits = LIMITS.iter().filter(|limit| limit.kind == kind.name);
    let short = limits.filter_map(|limit| {
        let figure = (limit.figure)(result);
        // Nor is what is no number enough.
        let enough = figure >= limit.least;
        let figure = (figure * 10.0).floor() / 10.0;
        (!enough).then(|| format!("{figure} of {} {}", limit.least, limit.what))
    });
    short.collect()
}

fn count(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn all(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn rate(sim: &Value) -> f64 {
    count(&sim["events"]) * 1e9 / count(&sim["busy_nanos"]).max(1.0)
}

fn pace(pace: &Value) -> f64 {
    count(&pace["virtual_nanos"]) / count(&pace["busy_nanos"]).max(1.0)
}

/// That ran.
fn lab_tests(suite: &Value) -> f64 {
    all(&suite["tests"]).iter().filter(|test| count(&test["seeds"]) > 0.0).count() as f64
}

fn states(explored: &Value) -> f64 {
    all(&explored["scopes"]).iter().map(|scope| count(&scope["states"])).sum()
}

fn scopes(explored: &Value) -> f64 {
    let there = |name: &&&str| all(&explored["scopes"]).iter().any(|scope| scope["name"] == **name);
    SCOPES.iter().filter(there).count() as f64
}

/// Those that do not compile and those that hang count neither way.
fn judged(mutants: &Value) -> f64 {
    count(&mutants["caught"]) + all(&mutants["missed"]).len() as f64
}

fn score(mutants: &Value) -> f64 {
    100.0 * count(&mutants["caught"]) / judged(mutants).max(1.0)
}

fn fuzzed(fuzzed: &Value) -> f64 {
    let targets = crate::fuzz::TARGETS.iter();
    targets.filter(|(target, _)| count(&fuzzed["targets"][target]["seconds"]) > 0.0).count() as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::{KINDS, named};
    use super::*;
    use crate::workspace::Workspace;

    /// A result that is just enough.
    fn enough(kind: &str) -> Value {
        let tests = |tests: usize| json!({ "tests": vec![json!({ "seeds": 1 }); tests] });
        match kind {
            "sim" => json!({ "events": 2_000_000_000_u64, "busy_nanos": 6_666_666_666_666_u64 }),
            "determinism" => json!({ "twice": 1000 }),
            "pace" => json!({ "virtual_nanos": 500_000, "busy_nanos": 5_000 }),
            "lab-tests-4a" => tests(2),
            "lab-tests-4b" => tests(16),
            "explore" => {
                let mut scopes: Vec<Value> =
                    SCOPES.iter().map(|name| json!({ "name": name, "states": 0 })).collect();
                scopes[3]["states"] = json!(10_000_000);
                json!({ "scopes": scopes })
            }
            "mutants" => json!({ "caught": 270, "missed": vec![json!({}); 30] }),
            "fuzz" => {
                let targets =
                    crate::fuzz::TARGETS.map(|(target, _)| (target.to_owned(), json!({ "seconds": 1 })));
                json!({ "targets": serde_json::Map::from_iter(targets) })
            }
            _ => json!({}),
        }
    }

    #[test]
    fn every_number_holds_from_its_limit_on_and_not_below() {
        for kind in KINDS {
            assert_eq!(missed(kind, &enough(kind.name)), [""; 0], "{}", kind.name);
        }
        let short = |kind: &str, pointer: &str, value: Value| {
            let mut result = enough(kind);
            *result.pointer_mut(pointer).unwrap() = value;
            missed(named(kind).unwrap(), &result)
        };
        let cases = [
            ("sim", "/busy_nanos", json!(6_666_700_000_000_u64), "299998.5 of 300000 events/s and core"),
            ("determinism", "/twice", json!(999), "999 of 1000 seeds twice"),
            ("pace", "/busy_nanos", json!(5_001), "99.9 of 100 times as fast as real time"),
            ("lab-tests-4a", "/tests/1/seeds", json!(0), "1 of 2 tests"),
            ("lab-tests-4b", "/tests", json!([]), "0 of 16 tests"),
            ("explore", "/scopes/3/states", json!(9_999_999), "9999999 of 10000000 states"),
            ("explore", "/scopes/1/name", json!("another"), "10 of 11 known scopes"),
            ("mutants", "/missed", json!(vec![1; 31]), "89.7 of 90 % of these caught"),
            ("mutants", "/missed", json!(vec![1; 29]), "299 of 300 mutants caught or missed"),
            ("fuzz", "/targets/wire/seconds", json!(0), "9 of 10 targets with time"),
        ];
        for (kind, pointer, value, expected) in cases {
            assert_eq!(short(kind, pointer, value), [expected], "{kind}{pointer}");
        }
        let events = json!({ "events": 1_999_999_999, "busy_nanos": 1 });
        assert_eq!(missed(named("sim").unwrap(), &events), ["1999999999 of 2000000000 events"]);
    }

    #[test]
    fn a_limit_is_of_a_kind_and_the_scopes_are_those_of_the_exploration() {
        assert!(LIMITS.iter().all(|limit| named(limit.kind).is_some()));
        let file = Workspace::find().unwrap().root.join("lab/src/sim/explore/scopes.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
        let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        assert_eq!(names, SCOPES);
    }
}
