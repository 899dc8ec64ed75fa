//! What may happen next, and that all ways of judging it agree.

use super::super::scopes::SCOPES;
use super::*;

#[test]
fn the_last_place_on_a_link_may_be_any_ones() {
    let link = (0, 1);
    let frames =
        |contents: &[u32]| contents.iter().map(|content| Frame::new(0, 1, *content)).collect::<Vec<_>>();
    let other = Frame::new(0, 2, 9);
    for (holds, kept, left) in [(1, 0, vec![1]), (1, 1, vec![2]), (1, 2, vec![3]), (2, 1, vec![1, 3])] {
        let mut all: Vec<Frame> = [other].into_iter().chain(frames(&[1, 2, 3])).collect();
        assert_eq!(only_one(&mut all, link, holds, kept), 3 - holds);
        assert_eq!(all, [other].into_iter().chain(frames(&left)).collect::<Vec<_>>());
    }
    let mut few = frames(&[1, 2]);
    assert_eq!((only_one(&mut few, link, 2, 0), few.len()), (0, 2));
}

#[test]
fn all_that_may_be_kept_is_tried_as_often_as_something_may_be_lost() {
    let mut parts = Parts::new(&SCOPES[0], SCOPES[0].bounds, true);
    let Next::State(mut state, _) = parts.start() else { panic!() };
    let ways = |state: &State| {
        let mut ways = vec![Kept([0, 0])];
        while let Some(next) = ways[ways.len() - 1].next(Kept([2, 1]), state) {
            ways.push(next);
        }
        ways.into_iter().map(|Kept(kept)| kept).collect::<Vec<_>>()
    };
    for (losses, all) in [(2, &[[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]][..]), (0, &[[0, 0]])] {
        state.left.losses = losses;
        assert_eq!(ways(&state), all);
    }
    state.left.losses = 1;
    assert_eq!(ways(&state), [[0, 0], [1, 0], [2, 0], [0, 1]]);
}

#[test]
fn choices_fit_into_a_word() {
    for choice in OWN.map(|input| Choice::Do(2, input)) {
        assert_eq!(Choice::unpacked(choice.packed()), choice);
    }
    for again in [false, true] {
        let choice = Choice::Arrive { from: 2, to: 1, content: 70_000, again };
        assert_eq!(Choice::unpacked(choice.packed()), choice);
    }
}

/// What comes of it, where all other disks are blank or as they are.
fn verdict(parts: &mut Parts<'_>, state: &State, choice: Choice, blank: bool) -> Result<Ghost, Broken> {
    let (node, input) = choice.input(parts.scope.nodes);
    let number = parts.steps.step(state.locals[node], input);
    let held = |steps: &Steps, other: usize| {
        let local = if blank && other != node { 0 } else { state.locals[other] };
        Arc::clone(&steps.local(local).durable)
    };
    let ghost = parts.judge(state, (node, input), number, held)?;
    Ok(parts.ghosts.get(ghost).clone())
}

/// A way, judged as in an exploration, and with all that showed nothing looked at, too, and nothing remembered; how
/// many verdicts there were against it.
fn walk(scope: &Scope, seed: u64) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut parts, mut plain) =
        (Parts::new(scope, scope.bounds, true), Parts::new(scope, scope.bounds, true));
    (plain.steps.keeps_all, plain.ghosts.remembers) = (true, false);
    let (Next::State(mut one, _), Next::State(mut other, _)) = (parts.start(), plain.start()) else {
        panic!()
    };
    let (mut choices, mut broken) = (Vec::new(), 0);
    for _ in 0..60 {
        parts.choices(&one, &mut choices);
        for choice in &choices {
            for blank in [rng.bool(), true] {
                let [judged, again] = [(&mut parts, &one), (&mut plain, &other)]
                    .map(|(parts, state)| verdict(parts, state, *choice, blank));
                assert_eq!(judged, again, "{}: {choice:?}", scope.name);
                broken += usize::from(judged.is_err());
            }
        }
        let Some(choice) = rng.choice(&choices) else { break };
        let taken = [(&mut parts, &one), (&mut plain, &other)]
            .map(|(parts, state)| parts.take(state, *choice, Kept::default()));
        if let [Next::State(next, _), Next::State(again, _)] = taken {
            (one, other) = (next, again);
        }
    }
    broken
}

#[test]
fn nothing_that_is_left_out_or_remembered_changes_a_verdict() {
    for scope in SCOPES {
        let broken: usize = (0..12).map(|seed| walk(scope, seed)).sum();
        assert!(broken > 0 || scope.nodes == 1, "{}", scope.name);
    }
}
