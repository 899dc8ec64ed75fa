//! One lab test on virtual time: the test is one future, polled whenever something has happened that it
//! may wait for. There is no other executor, and no other clock.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use raft::Config;

use super::lab_world::SimWorld;
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
        world.lines().iter().for_each(|line| println!("{line}"))
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
