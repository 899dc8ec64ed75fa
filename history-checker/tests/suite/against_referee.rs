//! Equal verdicts of the engines and the referee on random small histories, and of the engines on larger ones.
//! `CHECKER_HISTORIES` sets how many small ones are tried (default 40 000).

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::models::{KeyedMap, KeyedOp, RegisterOp};
use history_checker::report::Engine;
use history_checker::{
    Budget, Entry, FailedCas, History, Method, ModelKind, Options, Report, Search, Summary, Timeline, Value,
    check, engine, linearize,
};

use crate::generator::{FailedAnswer, Shape, generate};
use crate::referee;
use crate::script::script;

/// How often each engine said yes and no.
#[derive(Debug, Default)]
struct Tally {
    zones: [usize; 2],
    search: [usize; 2],
}

#[test]
fn both_engines_agree_with_every_order_tried() {
    let histories = std::env::var("CHECKER_HISTORIES").map_or(40_000, |count| count.parse().unwrap());
    let mut tally = Tally::default();
    for seed in 0..histories {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape::random(&mut rng);
        let history = generate(&shape, &mut rng);
        let failed_cas = if rng.bool() { FailedCas::Drop } else { FailedCas::Observe };
        // Failures that were never evaluated must not be taken for observations: the generator's refusals are such.
        let truth = referee::is_linearizable(&history, &shape.initial, failed_cas);
        for method in [Method::Auto, Method::SearchOnly] {
            let options =
                Options { initial: shape.initial.clone(), failed_cas, method, ..Options::default() };
            let report = check(&history, ModelKind::CasRegister, &options).unwrap();
            assert_eq!(
                report.is_linearizable(),
                truth,
                "seed {seed}, {shape:?}\n{report}\n{}",
                text(&history)
            );
            assert_ne!(report.summary(), Summary::Unknown);
            tally.add(&report);
        }
    }
    println!("{tally:?}");
    // Otherwise the comparison would be of one side only.
    for count in tally.zones.into_iter().chain(tally.search) {
        assert!(count as u64 * 20 >= histories, "{tally:?}");
    }
}

#[test]
fn both_engines_agree_on_larger_histories_with_unique_values() {
    let mut tally = Tally::default();
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let operations = rng.usize(20..60);
        let shape = Shape {
            cas: rng.u32(..30),
            lost: rng.u32(..20),
            corrupted: rng.u32(..4),
            writes: 40,
            ..Shape::plain(rng.usize(2..7), operations)
        };
        let history = generate(&shape, &mut rng);
        let verdicts = [Method::Auto, Method::SearchOnly].map(|method| {
            let report =
                check(&history, ModelKind::CasRegister, &Options { method, ..Options::default() }).unwrap();
            tally.add(&report);
            report.summary()
        });
        assert_eq!(verdicts[0], verdicts[1], "seed {seed}, {shape:?}\n{}", text(&history));
    }
    assert!(tally.zones.into_iter().all(|count| count >= 200), "{tally:?}");
}

#[test]
fn a_history_as_it_happened_is_never_refused() {
    for seed in 0..5_000 {
        let mut rng = Rng::with_seed(seed);
        let failed_cas = [FailedAnswer::Seen, FailedAnswer::NotSeen, FailedAnswer::Fail][rng.usize(..3)];
        let values = rng.bool().then_some(4);
        let shape = Shape { cas: 30, lost: 10, refused: 5, values, failed_cas, ..Shape::plain(5, 100) };
        let shape = Shape { writes: 30, ..shape };
        let history = generate(&shape, &mut rng);
        let report = check(&history, ModelKind::CasRegister, &Options::default()).unwrap();
        assert!(report.is_linearizable(), "seed {seed}\n{report}\n{}", text(&history));
    }
}

/// Shapes of CAS chains that random histories rarely hit: each bad one with its good twin.
#[test]
fn chains_are_judged_like_the_referee_does() {
    let write = "0 invoke write 1\n 0 ok write\n";
    // The CAS in the middle has no return to show that it was over: only the one after it does.
    let middle_open = "1 invoke cas [1,2]\n 2 invoke cas [2,3]\n";
    let cases = [
        (format!("{write} {middle_open} 2 ok cas\n 3 invoke read\n 3 ok read 1"), false),
        (format!("{write} {middle_open} 3 invoke read\n 2 ok cas\n 3 ok read 1"), true),
        (format!("{write} {middle_open} 2 ok cas\n 3 invoke read\n 3 ok read 3"), true),
        (format!("{write} 1 invoke cas [1,2]\n 2 invoke cas [1,3]\n 1 ok cas\n 2 ok cas"), false),
        (format!("{write} 1 invoke cas [1,2]\n 2 invoke cas [1,3]\n 1 ok cas"), true),
        (
            format!(
                "{write} 1 invoke cas [1,2]\n 2 invoke cas [2,3]\n 2 ok cas\n 3 invoke read\n 3 ok read 2"
            ),
            false,
        ),
        ("0 invoke cas [1,2]\n 1 invoke cas [2,1]\n 0 ok cas\n 1 ok cas".to_owned(), false),
        (
            "0 invoke cas [1,2]\n 1 invoke cas [2,1]\n 2 invoke write 1\n 2 ok write\n 0 ok cas\n 1 ok cas"
                .to_owned(),
            true,
        ),
        ("0 invoke cas [1,2]\n 1 invoke cas [2,1]\n 2 invoke read\n 2 ok read 1".to_owned(), false),
    ];
    for (text, expected) in cases {
        let history = script(&text);
        assert_eq!(referee::is_linearizable(&history, &Value::Null, FailedCas::Drop), expected, "{text}");
        for method in [Method::Auto, Method::SearchOnly] {
            let report =
                check(&history, ModelKind::CasRegister, &Options { method, ..Options::default() }).unwrap();
            let summary = if expected { Summary::Linearizable } else { Summary::NotLinearizable };
            assert_eq!(report.summary(), summary, "{text}: {report}");
        }
    }
}

/// Locality: a map is linearizable exactly when each of its registers is.
#[test]
fn a_map_split_by_key_is_judged_like_the_whole() {
    let mut bad = 0;
    for seed in 0..5_000 {
        let mut rng = Rng::with_seed(seed);
        let (timeline, model) = (random_map(&mut rng), KeyedMap { initial: 0 });
        let found = |timeline| matches!(linearize(&model, timeline, Budget::default()), Search::Found { .. });
        let whole = found(&timeline);
        let parts = engine::split::split(&model, &timeline);
        assert_eq!(parts.iter().all(found), whole, "seed {seed}: {timeline:?}");
        bad += usize::from(!whole);
    }
    assert!((500..4_500).contains(&bad), "{bad}");
}

fn random_map(rng: &mut Rng) -> Timeline<KeyedOp> {
    let mut moments: Vec<u64> = (1..=16).collect();
    rng.shuffle(&mut moments);
    let entry = |ends: &[u64], rng: &mut Rng| {
        let value = rng.usize(..3);
        let op = match rng.u32(..4) {
            0 => RegisterOp::Observe(value),
            1 => RegisterOp::Swap { from: value, to: (value + 1) % 3 },
            _ => RegisterOp::Put(value),
        };
        let returned = (rng.u32(..8) > 0).then_some(ends[0].max(ends[1]));
        Entry { op: KeyedOp { key: rng.usize(..3), op }, invoked: ends[0].min(ends[1]), returned }
    };
    Timeline::new(moments.chunks_exact(2).map(|ends| entry(ends, rng)).collect())
}

impl Tally {
    fn add(&mut self, report: &Report) {
        for key in &report.keys {
            let column = usize::from(key.verdict.summary() == Summary::NotLinearizable);
            match key.engine {
                Engine::Zones => self.zones[column] += 1,
                Engine::Search { .. } => self.search[column] += 1,
                Engine::ZonesOnly { .. } => unreachable!("the search is allowed"),
            }
        }
    }
}

fn text(history: &History) -> String {
    let mut lines = Vec::new();
    jsonl::write_history(&mut lines, history).unwrap();
    String::from_utf8(lines).unwrap()
}
