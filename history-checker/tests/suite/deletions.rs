//! Each deletion rule by itself, against the referee: what it leaves of a linearizable history is linearizable.
//! `CHECKER_DELETIONS` sets how many random timelines are tried for each rule (default 600).

use fastrand::Rng;
use history_checker::engine::brute::{Brute, try_every_order};
use history_checker::models::{Counter, CounterOp, Queue, QueueOp, RegisterOp};
use history_checker::shrink::{AnyModel, Kept, Part, QueueRules, RegisterRules, Rules};
use history_checker::{Entry, FailedCas, History, Timeline, Value};

use crate::referee;
use crate::script::script;

fn count() -> u64 {
    std::env::var("CHECKER_DELETIONS").map_or(600, |count| count.parse().unwrap())
}

/// Few operations over few values, some open, some on differences. With `swaps` in a hundred CAS.
fn register(rng: &mut Rng, swaps: u32, differences: bool) -> Timeline<RegisterOp> {
    let entries = rng.usize(2..=7);
    let mut moments: Vec<u64> = (1..=2 * entries as u64).collect();
    // Nearly in order: most neighbours overlap, and many orders are possible.
    for place in 0..moments.len().saturating_sub(3) {
        if rng.bool() {
            moments.swap(place, place + rng.usize(1..=3));
        }
    }
    let values = rng.usize(2..=5);
    let entry = |ends: &[u64], rng: &mut Rng| {
        let value = rng.usize(..values);
        let op = match rng.u32(..100) {
            dice if dice < swaps => {
                RegisterOp::Swap { from: value, to: (value + rng.usize(1..values)) % values }
            }
            dice if dice < swaps + 10 && differences => RegisterOp::ObserveNot(value),
            dice if dice < 60 => RegisterOp::Put(value),
            _ => RegisterOp::Observe(value),
        };
        let returned = (rng.u32(..6) > 0).then_some(ends[0].max(ends[1]));
        Entry { op, invoked: ends[0].min(ends[1]), returned }
    };
    Timeline::new(moments.chunks_exact(2).map(|ends| entry(ends, rng)).collect())
}

/// A part as a history, each operation by a process of its own.
fn history(whole: &Timeline<RegisterOp>, part: &Part) -> History {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for Kept { entry: process, returned } in &part.kept {
        let entry = &whole.entries()[*process];
        let (op, asked, answer) = match entry.op {
            RegisterOp::Observe(value) => ("read", String::new(), value.to_string()),
            RegisterOp::ObserveNot(value) => {
                ("cas", format!("[{value},99]"), format!("[{value},99] \"swapped\":false"))
            }
            RegisterOp::Put(value) => ("write", value.to_string(), String::new()),
            RegisterOp::Swap { from, to } => ("cas", format!("[{from},{to}]"), String::new()),
            RegisterOp::Absurd => unreachable!("not generated"),
        };
        // An open operation that can only observe is no operation.
        if returned.is_some() || matches!(entry.op, RegisterOp::Put(_) | RegisterOp::Swap { .. }) {
            lines.push((entry.invoked, format!("{process} invoke {op} {asked}")));
        }
        lines.extend(returned.map(|returned| (returned, format!("{process} ok {op} {answer}"))));
    }
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    script(&lines.join("\n"))
}

fn is_linearizable(whole: &Timeline<RegisterOp>, part: &Part) -> bool {
    referee::is_linearizable(&history(whole, part), &Value::from(0_i64), FailedCas::Drop)
}

/// Applies a rule to random linearizable timelines, at random; `None` where it does not apply. Expects the rest to be
/// linearizable and complete.
fn holds(swaps: u32, differences: bool, rule: impl Fn(&Timeline<RegisterOp>, &mut Rng) -> Option<Part>) {
    let (mut tried, mut seed) = (0, 0);
    while tried < count() {
        let mut rng = Rng::with_seed(seed);
        let whole = register(&mut rng, swaps, differences);
        seed += 1;
        if !is_linearizable(&whole, &Part::whole(&whole)) {
            continue;
        }
        let Some(part) = rule(&whole, &mut rng).filter(|part| part.len() < whole.entries().len()) else {
            continue;
        };
        assert!(is_linearizable(&whole, &part), "seed {seed}: {whole:?}\n{part:?}");
        assert!(
            part.end() == 0 || RegisterRules.is_complete(&whole, &part),
            "seed {seed}: {whole:?}\n{part:?}"
        );
        tried += 1;
    }
    assert!(seed < 200 * count(), "{tried} of {seed}");
}

fn some(of: Vec<usize>, rng: &mut Rng) -> Vec<usize> {
    of.into_iter().filter(|_| rng.bool()).collect()
}

fn without(part: &Part, entries: &[usize]) -> Part {
    let kept = part.kept.iter().copied().filter(|kept| !entries.contains(&kept.entry)).collect();
    Part { kept, ..*part }
}

#[test]
fn a_prefix() {
    holds(20, true, |whole, rng| Some(Part::whole(whole).until(whole, rng.u64(0..=14))));
}

#[test]
fn observations() {
    holds(20, true, |whole, rng| {
        let part = Part::whole(whole);
        Some(without(&part, &some(RegisterRules.observers(whole, &part), rng)))
    });
}

#[test]
fn values_without_cas() {
    holds(0, false, values);
}

#[test]
fn values_with_what_cas_made_of_them() {
    holds(50, false, values);
}

/// None may go where something was seen only not to be there.
#[test]
fn values_beside_differences() {
    holds(20, true, values);
}

fn values(whole: &Timeline<RegisterOp>, rng: &mut Rng) -> Option<Part> {
    let part = Part::whole(whole);
    let values = some(RegisterRules.values(whole, &part), rng);
    Some(RegisterRules.without_values(whole, &part, &values))
}

#[test]
fn the_past_behind_a_write() {
    holds(30, true, |whole, rng| {
        let part = Part::whole(whole);
        let resets = RegisterRules.resets(whole, &part);
        (!resets.is_empty()).then(|| RegisterRules.since(whole, &part, resets[rng.usize(..resets.len())]))
    });
}

#[test]
fn what_is_around_a_few_operations() {
    holds(30, true, |whole, rng| {
        let named = some((0..whole.entries().len()).collect(), rng);
        RegisterRules.around(whole, &Part::whole(whole), &named).into_iter().next()
    });
}

#[test]
fn all_rules_after_each_other() {
    holds(30, false, |whole, rng| {
        let mut part = Part::whole(whole);
        for _ in 0..4 {
            part = match rng.u32(..4) {
                0 => part.until(whole, rng.u64(6..=14)),
                1 => without(&part, &some(RegisterRules.observers(whole, &part), rng)),
                2 => {
                    let values = some(RegisterRules.values(whole, &part), rng);
                    RegisterRules.without_values(whole, &part, &values)
                }
                _ => match RegisterRules.resets(whole, &part).first() {
                    Some(&reset) => RegisterRules.since(whole, &part, reset),
                    None => part,
                },
            };
        }
        Some(part)
    });
}

/// W(1), W(2), R→2: without W(2) the read hangs in the air. So no rule deletes it alone, and the check of what came
/// out refuses it.
#[test]
fn a_lone_write_may_not_go() {
    let entry = |op, invoked| Entry { op, invoked, returned: Some(invoked + 1) };
    let whole = Timeline::new(vec![
        entry(RegisterOp::Put(1), 1),
        entry(RegisterOp::Put(2), 3),
        entry(RegisterOp::Observe(2), 5),
    ]);
    let part = Part::whole(&whole);
    assert!(is_linearizable(&whole, &part));
    let lone = without(&part, &[1]);
    assert!(!is_linearizable(&whole, &lone), "and so it would prove the contrary of the truth");
    assert!(!RegisterRules.is_complete(&whole, &lone));
    assert!(!RegisterRules.observers(&whole, &part).contains(&1));
    let two = RegisterRules.without_values(&whole, &part, &[2]);
    assert_eq!(two.kept.iter().map(|kept| kept.entry).collect::<Vec<_>>(), [0], "its reads go too");
}

/// Whatever is taken out of a linearizable timeline, right or wrong: what is called complete is linearizable.
#[test]
fn what_is_complete_and_has_no_order_has_a_whole_without_one() {
    let mut refused = 0;
    for seed in 0..4 * count() {
        let mut rng = Rng::with_seed(seed);
        let whole = register(&mut rng, 25, seed % 2 == 0);
        let mut part = without(&Part::whole(&whole), &some((0..whole.entries().len()).collect(), &mut rng));
        for kept in &mut part.kept {
            kept.returned = kept.returned.filter(|_| rng.u32(..6) > 0);
        }
        part.since = rng.bool().then(|| rng.usize(..whole.entries().len()));
        if is_linearizable(&whole, &Part::whole(&whole)) && !is_linearizable(&whole, &part) {
            assert!(!RegisterRules.is_complete(&whole, &part), "seed {seed}: {whole:?}\n{part:?}");
            refused += 1;
        }
    }
    assert!(refused * 10 >= count(), "{refused}");
}

/// Queues and counters have no referee of their own: every order is tried by the crate's brute force.
#[test]
fn values_of_a_queue() {
    let (mut tried, mut seed) = (0, 0);
    while tried < count() {
        let mut rng = Rng::with_seed(seed);
        let whole = queue(&mut rng);
        seed += 1;
        if !queue_order(&whole) {
            continue;
        }
        let part = Part::whole(&whole);
        let part = without(&part, &some(QueueRules.observers(&whole, &part), &mut rng));
        let values = some(QueueRules.values(&whole, &part), &mut rng);
        let part = QueueRules.without_values(&whole, &part, &values).until(&whole, rng.u64(8..=14));
        assert!(queue_order(&part_of(&whole, &part, &QueueRules)), "seed {seed}: {whole:?}\n{part:?}");
        assert!(QueueRules.is_complete(&whole, &part), "seed {seed}: {whole:?}\n{part:?}");
        tried += u64::from(part.len() < whole.entries().len());
    }
}

/// Enqueue 1 and 2, one dequeue of nobody knows what, one that gave 2: without 1 there would be too few.
#[test]
fn values_of_a_queue_stay_beside_a_dequeue_of_anything() {
    let ops = [QueueOp::Enqueue(1), QueueOp::Enqueue(2), QueueOp::TookUnseen, QueueOp::Took(2)];
    let entry = |(place, op)| {
        let invoked = 2 * place as u64 + 1;
        Entry { op, invoked, returned: Some(invoked + 1) }
    };
    let whole = Timeline::new(ops.into_iter().enumerate().map(entry).collect());
    let part = Part::whole(&whole);
    let less = QueueRules.without_values(&whole, &part, &[1]);
    assert!(queue_order(&whole) && !queue_order(&part_of(&whole, &less, &QueueRules)));
    assert!(QueueRules.values(&whole, &part).is_empty());
    assert!(!QueueRules.is_complete(&whole, &less));
}

fn queue(rng: &mut Rng) -> Timeline<QueueOp> {
    let entries = (0..rng.u64(2..=7)).map(|number| {
        let op = match rng.u32(..10) {
            0 => QueueOp::FoundEmpty,
            1 => QueueOp::TookUnseen,
            2..6 => QueueOp::Took(rng.usize(..3)),
            _ => QueueOp::Enqueue(rng.usize(..3)),
        };
        let returned = 2 * number + [2, 3, 5][rng.usize(..3)];
        // Distinct moments: an even number more than the number of entries apart.
        let returned = (rng.u32(..6) > 0).then_some(returned * 100 + number + 50);
        Entry { op, invoked: (2 * number + 1) * 100, returned }
    });
    Timeline::new(entries.collect())
}

fn queue_order(timeline: &Timeline<QueueOp>) -> bool {
    matches!(try_every_order(&Queue, timeline), Brute::Linearizable { .. })
}

fn part_of<Op: Clone>(whole: &Timeline<Op>, part: &Part, rules: &impl Rules<Op>) -> Timeline<Op> {
    let entry = |kept: &Kept| {
        let entry = &whole.entries()[kept.entry];
        let forgotten = kept.returned.is_none() && entry.is_completed();
        let op = if forgotten { rules.forgotten(&entry.op) } else { entry.op.clone() };
        Entry { op, invoked: entry.invoked, returned: kept.returned }
    };
    Timeline::new(part.kept.iter().map(entry).collect())
}

#[test]
fn observations_of_any_model() {
    let model = Counter { initial: 0 };
    let mut tried = 0;
    for seed in 0..2 * count() {
        let mut rng = Rng::with_seed(seed);
        let entries = (0..6_u64).map(|number| {
            let op = if rng.bool() {
                CounterOp::Add(rng.i64(-1..=1))
            } else {
                CounterOp::Observe(rng.i64(-1..=1))
            };
            let returned = (rng.u32(..6) > 0).then_some(number * 100 + [150, 250][rng.usize(..2)] + number);
            Entry { op, invoked: (number + 1) * 100, returned }
        });
        let whole = Timeline::new(entries.collect());
        let order = |timeline| matches!(try_every_order(&model, timeline), Brute::Linearizable { .. });
        if !order(&whole) {
            continue;
        }
        let (part, rules) = (Part::whole(&whole), AnyModel(&model));
        let part = without(&part, &some(rules.observers(&whole, &part), &mut rng));
        assert!(order(&part_of(&whole, &part, &rules)), "seed {seed}: {whole:?}\n{part:?}");
        assert!(rules.is_complete(&whole, &part));
        tried += u64::from(part.len() < whole.entries().len());
    }
    assert!(tried * 10 > count(), "{tried}");
}
