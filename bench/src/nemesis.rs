//! What goes wrong, and when. Each fault leaves evidence that it landed; one without evidence ends
//! the run with an error, for a run whose faults did not happen proves nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use history_checker::{FaultEdge, Recorder};

use crate::cluster::Cluster;
use crate::measure::Clock;
use crate::observer::Observer;

/// A fault to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// After the start of the load.
    pub at: Duration,
    /// What.
    pub fault: Fault,
    /// To whom.
    pub target: Target,
    /// Until it is healed.
    pub lasting: Duration,
}

/// What is done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; healed by starting it again.
    Kill,
    /// SIGSTOP; healed by SIGCONT.
    Pause,
}

/// Who it is done to, chosen when the time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whoever leads then.
    Leader,
    /// One of the others.
    Follower,
}

/// A fault that was injected and healed.
#[derive(Clone, Debug)]
pub struct Injected {
    /// `kill n1 (leader)`.
    pub what: String,
    /// When it began, on the run's clock.
    pub begin: u64,
    /// When it was healed.
    pub end: u64,
    /// How we know.
    pub evidence: Vec<String>,
}

/// Quiet time before the first fault and after the last.
const QUIET: Duration = Duration::from_secs(2);
/// What a fault and the quiet after it take together, about.
const SLOT: Duration = Duration::from_secs(6);
/// How long a restarted node may take until it serves and has caught up.
const CATCH_UP: Duration = Duration::from_secs(20);

/// The faults of a run of this length. Kills of the leader and pauses take turns; the first pause
/// hits the leader too, for an old leader that wakes up is the harder case.
#[must_use]
pub fn plan(length: Duration, seed: u64) -> Vec<Planned> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let room = length.saturating_sub(2 * QUIET);
    let slots = u32::try_from(room.as_secs() / SLOT.as_secs()).unwrap_or(u32::MAX).max(2);
    let slot = room / slots;
    let planned = |n: u32| {
        let fault = if n.is_multiple_of(2) { Fault::Kill } else { Fault::Pause };
        let target = match fault {
            Fault::Kill => Target::Leader,
            Fault::Pause if n == 1 || rng.bool() => Target::Leader,
            Fault::Pause => Target::Follower,
        };
        let at = QUIET + slot * n + slot.mul_f64(rng.f64() * 0.2);
        Planned { at, fault, target, lasting: slot.mul_f64(0.3 + rng.f64() * 0.15) }
    };
    (0..slots).map(planned).collect()
}

/// What the nemesis works with.
#[derive(Debug)]
pub struct Nemesis<'a> {
    /// The processes.
    pub cluster: &'a mut Cluster,
    /// Finds the leader, and sees a node come back.
    pub observer: &'a Observer,
    /// Faults stand in the history too.
    pub recorder: &'a Recorder,
    /// The run's clock.
    pub clock: Clock,
}

impl Nemesis<'_> {
    /// Carries the plan out and stays until `length` has passed. Cancelled, it leaves faults unhealed.
    pub async fn run(&mut self, plan: &[Planned], length: Duration) -> Result<Vec<Injected>> {
        let mut injected = Vec::new();
        for planned in plan {
            self.wait_till(planned.at).await?;
            injected.push(self.inject(planned).await?);
        }
        self.wait_till(length).await?;
        Ok(injected)
    }

    async fn inject(&mut self, planned: &Planned) -> Result<Injected> {
        let leader = self.observer.leader().await.context("choosing whom to hit")?;
        let (node, role) = match planned.target {
            Target::Leader => (leader, "leader"),
            Target::Follower => {
                let follower = self.cluster.ids().into_iter().find(|id| *id != leader);
                (follower.unwrap_or(leader), "follower")
            }
        };
        let verb = match planned.fault {
            Fault::Kill => "kill",
            Fault::Pause => "pause",
        };
        let what = format!("{verb} n{node} ({role})");
        // The last word of a process about what it counted.
        self.observer.look().await;

        let begin = self.clock.now();
        self.recorder.fault(&what, FaultEdge::Begin, begin);
        let mut evidence = vec![match planned.fault {
            Fault::Kill => self.cluster.node(node)?.kill()?,
            Fault::Pause => self.cluster.node(node)?.pause().await?,
        }];
        self.say(&what, &evidence[0]);
        tokio::time::sleep(planned.lasting).await;
        match planned.fault {
            Fault::Kill => self.cluster.node(node)?.start()?,
            Fault::Pause => evidence.push(self.cluster.node(node)?.resume().await?),
        }
        let end = self.clock.now();
        self.recorder.fault(&what, FaultEdge::End, end);
        evidence.push(self.caught_up(node, end).await?);
        self.say(&format!("healed: {what}"), &evidence[1..].join(", "));
        Ok(Injected { what, begin, end, evidence })
    }

    /// A node is back when it has applied what was committed when it was healed.
    async fn caught_up(&mut self, node: u64, healed: u64) -> Result<String> {
        let goal = self.observer.look().await.iter().map(|status| status.commit_index).max().unwrap_or(0);
        let what = format!("n{node} to catch up");
        let back = self.observer.wait_until(&what, CATCH_UP, |answers| {
            answers.iter().any(|status| status.node == node && status.last_applied >= goal)
        });
        if let Err(error) = back.await {
            self.cluster.check_alive()?;
            return Err(error.context(self.cluster.node(node)?.log_tail()));
        }
        let took = Duration::from_nanos(self.clock.now().saturating_sub(healed));
        Ok(format!("caught up in {} ms", took.as_millis()))
    }

    async fn wait_till(&mut self, at: Duration) -> Result<()> {
        while self.clock.elapsed() < at {
            self.cluster.check_alive()?;
            let left = at.saturating_sub(self.clock.elapsed());
            tokio::time::sleep(left.min(Duration::from_millis(200))).await;
        }
        Ok(())
    }

    fn say(&self, what: &str, evidence: &str) {
        println!("{:6.1} s  {what}: {evidence}", self.clock.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_fits_its_run_and_repeats_by_seed() {
        for seconds in [10, 20, 30, 60, 120] {
            for seed in 0..50 {
                let length = Duration::from_secs(seconds);
                let planned = plan(length, seed);
                assert!(planned.len() >= 2);
                assert_eq!(planned, plan(length, seed));
                for pair in planned.windows(2) {
                    assert!(pair[0].at + pair[0].lasting < pair[1].at, "faults do not overlap: {pair:?}");
                }
                let last = planned[planned.len() - 1];
                assert!(last.at + last.lasting + QUIET <= length, "{last:?}");
            }
        }
    }

    #[test]
    fn every_run_kills_and_pauses_a_leader() {
        let planned = plan(Duration::from_secs(10), 1);
        assert_eq!((planned[0].fault, planned[0].target), (Fault::Kill, Target::Leader));
        assert_eq!((planned[1].fault, planned[1].target), (Fault::Pause, Target::Leader));
    }
}
