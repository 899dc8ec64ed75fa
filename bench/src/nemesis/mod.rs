//! What goes wrong, and when. Each fault leaves evidence that it landed; one without evidence ends
//! the run with an error, for a run whose faults did not happen proves nothing.

mod acts;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use history_checker::{FaultEdge, Recorder};

use crate::cluster::Cluster;
use crate::measure::Clock;
use crate::observer::Observer;
use crate::rig::disk::LoopDisk;
use crate::rig::network::{Counts, Network};
use crate::rig::throttle::Throttle;

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

/// What is done to a node, or to all links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; healed by starting it again.
    Kill,
    /// SIGTERM, and waiting for its end; healed by starting it again.
    Restart,
    /// SIGSTOP; healed by SIGCONT.
    Pause,
    /// Stopped for 50 of every 60 ms.
    Slow,
    /// Nothing gets from it to its peers, nor from them to it. Clients still reach it.
    Isolate,
    /// Nothing gets from its peers to it.
    Deafen,
    /// Nothing gets from it to its peers.
    Mute,
    /// So many of a hundred datagrams between nodes are lost.
    Lose(u8),
    /// Each datagram between nodes arrives so much later.
    Delay(Duration),
    /// Its file system lets nothing be written and no sync end.
    Stall,
}

/// Who it is done to, chosen when the time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whoever leads then.
    Leader,
    /// One of the others.
    Follower,
    /// This one.
    Node(u64),
    /// All links between nodes.
    Links,
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
    /// When all nodes had applied what was committed when it was healed.
    pub back: u64,
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
        let (fault, target) = if n.is_multiple_of(2) {
            (Fault::Kill, Target::Leader)
        } else if n == 1 || rng.bool() {
            (Fault::Pause, Target::Leader)
        } else {
            (Fault::Pause, Target::Follower)
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
    /// Between the nodes, if there is something.
    pub network: Option<&'a mut Network>,
    /// Of the nodes that have a file system of their own.
    pub disks: Option<&'a mut BTreeMap<u64, LoopDisk>>,
    /// Finds the leader, and sees a node come back.
    pub observer: &'a Observer,
    /// Faults stand in the history too.
    pub recorder: &'a Recorder,
    /// The run's clock.
    pub clock: Clock,
    throttle: Option<Throttle>,
    /// What the network had counted when the fault under way began.
    before: Counts,
}

impl<'a> Nemesis<'a> {
    /// One that has nothing but processes to play with; what else there is may be set.
    #[must_use]
    pub fn of_processes(
        cluster: &'a mut Cluster,
        observer: &'a Observer,
        recorder: &'a Recorder,
        clock: Clock,
    ) -> Nemesis<'a> {
        let (network, disks, throttle, before) = (None, None, None, Counts::default());
        Nemesis { cluster, network, disks, observer, recorder, clock, throttle, before }
    }

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

    /// One fault from its begin until everything is as before.
    pub async fn inject(&mut self, planned: &Planned) -> Result<Injected> {
        let leader = self.observer.leader().await.context("choosing whom to hit")?;
        let follower = || self.cluster.ids().into_iter().find(|id| *id != leader);
        let node = match planned.target {
            Target::Leader | Target::Links => leader,
            Target::Follower => follower().unwrap_or(leader),
            Target::Node(id) => id,
        };
        let role = if node == leader { "leader" } else { "follower" };
        let what = match planned.target {
            Target::Links => format!("{}, all links", planned.fault),
            Target::Leader | Target::Follower | Target::Node(_) => {
                format!("{} n{node} ({role})", planned.fault)
            }
        };
        // The last word of a process about what it counted.
        self.observer.look().await;

        let begin = self.clock.now();
        self.recorder.fault(&what, FaultEdge::Begin, begin);
        let mut evidence: Vec<String> = self.begin(planned.fault, node).await?.into_iter().collect();
        self.say(&what, evidence.first().map_or("begun", String::as_str));
        tokio::time::sleep(planned.lasting).await;
        let healing = evidence.len();
        evidence.extend(self.heal(planned.fault, node).await.with_context(|| format!("healing: {what}"))?);
        let end = self.clock.now();
        self.recorder.fault(&what, FaultEdge::End, end);
        evidence.push(self.caught_up(end).await?);
        self.say(&format!("healed: {what}"), &evidence[healing..].join(", "));
        Ok(Injected { what, begin, end, back: self.clock.now(), evidence })
    }

    /// All are back when every node has applied what was committed when the fault was healed.
    async fn caught_up(&mut self, healed: u64) -> Result<String> {
        let goal = self.observer.look().await.iter().map(|status| status.commit_index).max().unwrap_or(0);
        let nodes = self.cluster.ids();
        let back = self.observer.wait_until("all nodes to catch up", CATCH_UP, |answers| {
            answers.iter().filter(|status| status.last_applied >= goal).count() == nodes.len()
        });
        if let Err(error) = back.await {
            self.cluster.check_alive()?;
            let tails: Result<Vec<_>> =
                nodes.into_iter().map(|id| Ok(self.cluster.node(id)?.log_tail())).collect();
            return Err(error.context(tails?.join("\n")));
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
