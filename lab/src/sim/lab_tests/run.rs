//! One lab test on virtual time: the test is one future, polled whenever something has happened that it
//! may wait for. There is no other executor, and no other clock.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use raft::Config;

use super::world::SimWorld;
use crate::lab::Lab;
use crate::report::Outcome;
use crate::suite::{Cost, TIME_LIMIT, Test};
use crate::world::{Failure, Verdict, World};

/// Runs a test under a seed.
#[must_use]
pub fn run(test: &'static Test, seed: u64) -> Outcome {
    run_seen(test, seed, |_| (), |_| ())
}

/// The same, and prints what happens, event by event.
#[must_use]
pub fn run_aloud(test: &'static Test, seed: u64) -> Outcome {
    run_seen(test, seed, SimWorld::keep_lines, |world| {
        world.lines().iter().for_each(|line| println!("{line}"));
    })
}

fn run_seen(
    test: &'static Test,
    seed: u64,
    before: impl FnOnce(&SimWorld),
    after: impl FnOnce(&SimWorld),
) -> Outcome {
    let world = match SimWorld::start(test.peers, test.seed(seed), Config::lab()) {
        Ok(world) => world,
        Err(failure) => return Outcome { failure: Some(failure.0), ..Outcome::new(test, seed) },
    };
    before(&world);
    let lab = Lab::new(world);
    let verdict = drive(&lab.world, test.run(&lab));
    let world = &lab.world;
    after(world);
    let failure = verdict.err().map(|why| format!("{why}\n{}", world.diagnosis()));
    Outcome { test, seed, cost: Cost::of(world), margins: lab.margins(), kinds: world.kinds(), failure }
}

/// Runs a future to its end, in the world's time.
fn drive(world: &SimWorld, future: impl Future<Output = Verdict>) -> Verdict {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let polled = future.as_mut().poll(&mut context);
        // What the test did may itself have shown something that must not be, and says more than what it saw.
        world.check()?;
        if let Poll::Ready(verdict) = polled {
            return verdict;
        }
        world.go_on()?;
        if world.now() > TIME_LIMIT {
            return Err(Failure(format!("it took more than {TIME_LIMIT:?}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::suite::TESTS;

    fn world() -> SimWorld {
        SimWorld::start(3, 1, Config::lab()).unwrap()
    }

    #[test]
    fn every_test_passes_and_a_seed_decides_everything() {
        for test in &TESTS {
            let runs = [0; 2].map(|_| {
                let mut hash = 0;
                let outcome = run_seen(test, 3, |_| (), |world| hash = world.hash());
                assert_eq!(outcome.failure, None, "{}", test.name);
                (hash, outcome.cost)
            });
            assert_eq!(runs[0], runs[1], "{}", test.name);
        }
    }

    #[test]
    fn another_seed_is_another_run() {
        let [one, other] = [1, 2].map(|seed| run(&TESTS[1], seed).cost);
        assert_ne!(one, other);
    }

    #[test]
    fn time_moves_only_by_what_happens() {
        let world = world();
        let slept = async {
            for millis in [0, 7, 250] {
                let began = world.now();
                world.sleep(Duration::from_millis(millis)).await;
                assert_eq!(world.now() - began, Duration::from_millis(millis));
            }
            Ok(())
        };
        assert_eq!(drive(&world, slept), Ok(()));
    }

    #[test]
    fn a_test_that_waits_for_ever_fails_at_the_time_limit() {
        let verdict = drive(&world(), std::future::pending());
        assert_eq!(verdict, Err(Failure("it took more than 120s".to_owned())));
    }

    #[test]
    fn what_a_crash_leaves_is_what_was_durable() {
        let lab = Lab::new(world());
        let crashed = async {
            lab.one(Bytes::from_static(b"kept"), 3, true).await?;
            let leader = lab.check_one_leader().await?;
            // Accepted, but in no disk yet.
            let taken = lab.world.propose(leader, Bytes::from_static(b"lost")).await;
            assert!(taken.is_some());
            for node in 0..3 {
                lab.world.crash(node).await;
                assert!(!lab.world.is_up(node) && lab.world.propose(node, Bytes::new()).await.is_none());
            }
            lab.heal().await?;
            lab.one(Bytes::from_static(b"next"), 3, true).await?;
            let log: Vec<_> =
                lab.world.observe(|ledger| (1..=ledger.len()).map(|n| ledger.command(n).cloned()).collect());
            assert_eq!(log, [Some(Bytes::from_static(b"kept")), Some(Bytes::from_static(b"next"))]);
            Ok(())
        };
        assert_eq!(drive(&lab.world, crashed), Ok(()));
    }
}
