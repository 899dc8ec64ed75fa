//! What the search costs where values repeat and operations are open, and what it says when it may not cost as much.
//! Counted and not timed.

use fastrand::Rng;
use history_checker::engine::replay::replay;
use history_checker::engine::search::{Frontier, Limit};
use history_checker::models::{CasRegister, RegisterOp, ValueId};
use history_checker::{
    Budget, Entry, Model, Moment, Prunings, Search, SearchOptions, Timeline, linearize, linearize_with,
};

const MODEL: CasRegister = CasRegister { initial: 0 };

/// Ten clients of a register, half reads.
#[derive(Debug, Clone, Copy)]
struct Hard {
    operations: usize,
    /// Written values: all different, or so many, and a quarter of the operations CAS.
    values: Option<usize>,
    /// Invoked before everything else, and never answered: each might take effect at any time.
    open: usize,
    /// Whether the last read is stale.
    bad: bool,
}

/// An operation under way: when it was invoked, what it asks, and what it has come to.
type UnderWay = (Moment, RegisterOp, Option<RegisterOp>);

impl Hard {
    fn timeline(self, seed: u64) -> Timeline<RegisterOp> {
        let mut rng = Rng::with_seed(seed);
        let mut entries: Vec<Entry<RegisterOp>> = Vec::new();
        for number in 0..self.open {
            let op = match self.values {
                None => RegisterOp::Put(usize::MAX / 2 + number),
                Some(values) if number % 2 == 0 => RegisterOp::Put(rng.usize(..values)),
                Some(values) => swap(rng.usize(..values), values, &mut rng),
            };
            entries.push(Entry { op, invoked: number as Moment + 1, returned: None });
        }
        self.run_clients(&mut rng, &mut entries);
        if self.bad {
            let end = 100 * (self.open + self.operations) as Moment;
            for (at, op) in [RegisterOp::Put(usize::MAX), RegisterOp::Put(1), RegisterOp::Observe(usize::MAX)]
                .into_iter()
                .enumerate()
            {
                let invoked = end + 2 * at as Moment;
                entries.push(Entry { op, invoked, returned: Some(invoked + 1) });
            }
        }
        Timeline::new(entries)
    }

    fn run_clients(self, rng: &mut Rng, entries: &mut Vec<Entry<RegisterOp>>) {
        let mut clients: Vec<Option<UnderWay>> = vec![None; 10];
        let (mut state, mut moment, mut asked) = (0, self.open as Moment, 0);
        while asked < self.operations || clients.iter().any(Option::is_some) {
            moment += 1;
            let client = &mut clients[rng.usize(..10)];
            match client {
                None if asked < self.operations => {
                    asked += 1;
                    *client = Some((moment, self.ask(asked, state, rng), None));
                }
                Some((_, asked, answer @ None)) if rng.bool() => {
                    let answered = answer_to(*asked, state);
                    state = MODEL.step(&state, &answered).unwrap();
                    *answer = Some(answered);
                }
                Some((invoked, _, Some(op))) => {
                    entries.push(Entry { op: *op, invoked: *invoked, returned: Some(moment) });
                    *client = None;
                }
                _ => {}
            }
        }
    }

    fn ask(self, number: usize, state: ValueId, rng: &mut Rng) -> RegisterOp {
        match (rng.u32(..4), self.values) {
            (0 | 1, _) => RegisterOp::Observe(state),
            (_, None) => RegisterOp::Put(number),
            (2, Some(values)) => RegisterOp::Put(rng.usize(..values)),
            (_, Some(values)) => {
                let from = if rng.bool() { state } else { rng.usize(..values) };
                swap(from, values, rng)
            }
        }
    }
}

fn swap(from: ValueId, values: usize, rng: &mut Rng) -> RegisterOp {
    RegisterOp::Swap { from, to: (from + rng.usize(1..values)) % values }
}

/// What an operation comes to in `state`.
fn answer_to(asked: RegisterOp, state: ValueId) -> RegisterOp {
    match asked {
        RegisterOp::Swap { from, .. } if from == state => asked,
        RegisterOp::Put(_) => asked,
        _ => RegisterOp::Observe(state),
    }
}

fn tried<S>(search: &Search<S>) -> u64 {
    match search {
        Search::Found { configurations, .. }
        | Search::Impossible { configurations, .. }
        | Search::GaveUp { configurations, .. } => *configurations,
    }
}

/// `CHECKER_HARD` names one history more, to be measured from outside: operations, values (0: all different), open
/// ones, and 1 if it is to be bad.
fn asked_for() -> Option<(Hard, u64)> {
    let asked = std::env::var("CHECKER_HARD").ok()?;
    let numbers: Vec<usize> = asked.split(',').map(|number| number.parse().unwrap()).collect();
    let [operations, values, open, bad] = numbers[..] else { panic!("four numbers: {asked}") };
    Some((Hard { operations, values: (values > 0).then_some(values), open, bad: bad == 1 }, 5_000))
}

/// At most so many configurations per operation: more would be a wrong complexity, or a shortcut that is not taken.
#[test]
fn hard_histories_are_decided_in_few_configurations_per_operation() {
    let hard = |operations, values, open, bad| Hard { operations, values, open, bad };
    let cases = [
        (hard(1_000, None, 10, false), 1),
        (hard(200, None, 10, true), 60),
        (hard(200, None, 30, true), 60),
        (hard(1_000, Some(5), 30, false), 1),
        (hard(200, Some(5), 4, true), 60),
        (hard(200, Some(2), 6, true), 60),
    ];
    for (hard, limit) in asked_for().into_iter().chain(cases) {
        let timeline = hard.timeline(1);
        let search = linearize(&MODEL, &timeline, Budget::default());
        println!("{hard:?}: {} configurations", tried(&search));
        match &search {
            Search::Found { order, .. } => {
                assert!(!hard.bad, "{hard:?}");
                assert_eq!(replay(&MODEL, &timeline, order), Ok(()), "{hard:?}");
            }
            Search::Impossible { frontier, .. } => {
                assert!(hard.bad && frontier.exact, "{hard:?}");
                assert_eq!(frontier.entry, timeline.entries().len() - 1, "{hard:?}");
            }
            Search::GaveUp { difficulty, .. } => panic!("{hard:?}: {difficulty}"),
        }
        assert!(tried(&search) <= limit * hard.operations as u64, "{hard:?}: {}", tried(&search));
        if asked_for().is_some() {
            return;
        }
    }
}

/// Each shortcut saves what it is there for, and the order by layers too.
#[test]
fn without_any_one_shortcut_the_search_costs_more() {
    let all = SearchOptions { patience: 0, ..SearchOptions::default() };
    let without = |prunings| SearchOptions { prunings, ..all };
    let few = Hard { operations: 60, values: Some(3), open: 8, bad: true };
    let unique = Hard { values: None, ..few };
    for (name, hard, options) in [
        ("eager no-ops", few, without(Prunings { eager_no_ops: false, ..Prunings::ALL })),
        ("stranding", unique, without(Prunings { stranding: false, ..Prunings::ALL })),
        ("lazy opens", unique, without(Prunings { lazy_opens: false, ..Prunings::ALL })),
        ("symmetry", few, without(Prunings { symmetry: false, ..Prunings::ALL })),
        ("dominance", few, without(Prunings { dominance: false, ..Prunings::ALL })),
        ("layers", few, SearchOptions { patience: u64::MAX, ..all }),
    ] {
        let timeline = hard.timeline(1);
        let budget = Budget { configurations: 20_000, ..Budget::default() };
        let cost = |options| tried(&linearize_with(&MODEL, &timeline, &SearchOptions { budget, ..options }));
        let (with, without) = (cost(all), cost(options));
        println!("{name}: {without} without, {with} with");
        assert!(without * 10 > with * 11, "{name}: {without} without, {with} with");
    }
}

/// In bytes, as what it saves is not configurations.
#[test]
fn a_compact_key_takes_bits_by_clients_and_not_by_operations() {
    let timeline = Hard { operations: 4_000, values: Some(5), open: 0, bad: false }.timeline(1);
    let suffice = |compact_key, bytes| {
        let prunings = Prunings { compact_key, ..Prunings::ALL };
        let options = SearchOptions { prunings, budget: Budget { bytes, ..Budget::default() }, patience: 8 };
        matches!(linearize_with(&MODEL, &timeline, &options), Search::Found { .. })
    };
    let least = |compact_key| (1..).map(|bytes| 200_000 * bytes).find(|&bytes| suffice(compact_key, bytes));
    let (compact, full) = (least(true).unwrap(), least(false).unwrap());
    assert!(full > compact + 500_000, "{full} bytes with full keys, {compact} with compact ones");
}

#[test]
fn fifty_thousand_operations_at_once_are_refused_before_anything_is_built() {
    let count = 50_000;
    let entry = |number: u64| Entry {
        op: RegisterOp::Put(usize::try_from(number).unwrap()),
        invoked: 1 + number,
        returned: Some(1 + count + number),
    };
    let timeline = Timeline::new((0..count).map(entry).collect());
    let Search::GaveUp { frontier, configurations: 0, difficulty } =
        linearize(&MODEL, &timeline, Budget::default())
    else {
        panic!("this takes five gigabytes")
    };
    assert_eq!((frontier.entry, frontier.explained, difficulty.peak), (0, 0, 50_000));
    assert!(matches!(
        difficulty.limit,
        Limit::BytesToBegin { needed: 5_000_000_000.., allowed: 2_000_000_000 }
    ));
}

#[test]
fn a_spent_budget_says_which_and_what_made_it_hard() {
    let timeline = Hard { operations: 100, values: Some(5), open: 8, bad: true }.timeline(1);
    let give_up = |budget: Budget| match linearize(&MODEL, &timeline, budget) {
        Search::GaveUp { frontier, difficulty, .. } => Some((frontier, difficulty)),
        _ => None,
    };
    let mut limits = Vec::new();
    for bytes in (4..26).map(|power| 1 << power) {
        let Some((Frontier { explained, exact, .. }, difficulty)) =
            give_up(Budget { bytes, ..Budget::default() })
        else {
            continue;
        };
        assert!(explained < timeline.completed() && !exact);
        limits.push(matches!(difficulty.limit, Limit::BytesToBegin { .. }));
    }
    // First it does not begin, then it does not end, then it does.
    assert!(limits.is_sorted_by(|one, next| one >= next), "{limits:?}");
    assert!(limits.contains(&true) && limits.contains(&false) && limits.len() < 22, "{limits:?}");

    let (frontier, difficulty) = give_up(Budget { configurations: 500, ..Budget::default() }).unwrap();
    assert!(frontier.explained > 0);
    assert_eq!((difficulty.limit, difficulty.peak, difficulty.open), (Limit::Configurations(500), 10, 8));
    assert_eq!(difficulty.kinds.iter().map(|&(_, count)| count).sum::<usize>(), 8);
    assert_eq!(
        difficulty.to_string(),
        format!(
            "the budget of configurations is spent; up to 10 operations in flight at once, 8 open ones of {} kinds, {} states",
            difficulty.kinds.len(),
            difficulty.states
        )
    );
}

/// A register that counts how often it is asked for a step.
struct Counted(CasRegister, std::cell::Cell<u64>);

impl Model for Counted {
    type State = usize;
    type Op = RegisterOp;

    fn initial(&self) -> usize {
        self.0.initial()
    }

    fn step(&self, state: &usize, op: &RegisterOp) -> Option<usize> {
        self.1.set(self.1.get() + 1);
        self.0.step(state, op)
    }

    fn only_observes(&self, op: &RegisterOp) -> bool {
        self.0.only_observes(op)
    }

    fn requires(&self, op: &RegisterOp) -> Option<usize> {
        self.0.requires(op)
    }

    fn leaves(&self, op: &RegisterOp) -> Option<usize> {
        self.0.leaves(op)
    }

    fn open_can_wait(&self) -> bool {
        self.0.open_can_wait()
    }
}

/// A configuration costs what can be taken in it, not the square of that: no budget counts it.
#[test]
fn open_writes_that_nobody_asks_for_cost_little_in_each_configuration() {
    let open = 1_000;
    let lost =
        (0..open).map(|at| Entry { op: RegisterOp::Put(at + 2), invoked: at as u64 + 1, returned: None });
    let ends = (1_001, Some(1_002));
    let stale = Entry { op: RegisterOp::Observe(1), invoked: ends.0, returned: ends.1 };
    let timeline = Timeline::new(lost.chain([stale]).collect());
    let model = Counted(CasRegister { initial: 0 }, std::cell::Cell::new(0));
    let search = linearize(&model, &timeline, Budget::default());
    let Search::Impossible { configurations, .. } = search else { panic!("{search:?}") };
    let steps = model.1.get();
    assert!(
        steps <= 20 * open as u64 * (configurations + 1),
        "{steps} steps in {configurations} configurations"
    );
}
