//! What goes wrong, where it overlaps and where it must not go on.

use crate::sim::clients::load::Load;
use crate::sim::clients::register_workload::RegisterWorkload;
use crate::sim::cluster::links::Weather;
use crate::sim::plan::fault::{Action, Episode, Moment};
use crate::sim::plan::swarm::{Limits, Plan};

use super::*;

/// Three nodes and what goes wrong with them, from this second to that one each.
fn world(faults: &[(u64, u64, Fault)]) -> World<RegisterWorkload> {
    let episode = |(from, to, fault): &(u64, u64, Fault)| Episode {
        at: from * 1_000_000_000,
        lasts: (to - from) * 1_000_000_000,
        fault: fault.clone(),
    };
    let plan = Plan {
        at_rest: None,
        is_even: false,
        late_requests_ppm: 0,
        scrub_every: None,
        seed: 1,
        nodes: 3,
        clients: 1,
        events: 20_000,
        limits: Limits::usual(),
        weather: Weather::FAIR,
        pace: Pace::STEADY,
        drift_ppm: 0,
        episodes: faults.iter().map(episode).collect(),
    };
    World::new(plan, RegisterWorkload { load: Load::default() })
}

/// What of nodes is true after each second of a few.
fn watch<T>(world: &mut World<RegisterWorkload>, what: impl Fn(&World<RegisterWorkload>) -> T) -> Vec<T> {
    let after = |second: u64| {
        while world.cluster.now().as_nanos() < second * 1_000_000_000 + 500_000_000 {
            assert!(world.step());
        }
        what(world)
    };
    (1..5).map(after).collect()
}

#[test]
fn what_overlaps_ends_with_the_last() {
    let both = |fault: Fault| world(&[(1, 3, fault.clone()), (2, 4, fault)]);
    let target = Target::Node(1);
    let paused = watch(&mut both(Fault::Pause(target)), |world| world.cluster.node(1).paused);
    assert_eq!(paused, [true, true, true, false]);
    let slow = watch(&mut both(Fault::SlowDisk(target, 9)), |world| world.cluster.pace[1] != Pace::STEADY);
    assert_eq!(slow, [true, true, true, false]);
    let cut = watch(&mut both(Fault::Cut { from: 0, to: 1 }), |world| world.cluster.links.is_cut(0, 1));
    assert_eq!(cut, [true, true, true, false]);
}

#[test]
fn no_more_disks_are_wiped_than_the_others_can_do_without() {
    let mut world = world(&[(1, 2, Fault::Wipe(0)), (2, 3, Fault::Wipe(1)), (3, 4, Fault::Wipe(2))]);
    let outcome = world.run();
    assert_eq!((outcome.violation, outcome.landed.get("wipe")), (None, Some(&1)));
}

/// What meets node 1 at its next write, with a leader that stands still meanwhile.
fn ambush(node: usize, action: Action) -> Fault {
    Fault::Ambush { target: Target::Node(node), moment: Moment::Synced, action, depose_leader: true }
}

#[test]
fn a_leader_that_two_faults_pause_waits_for_both() {
    let paused = |from: u64, to: u64, leader: usize, other: usize| {
        let faults = [(1, 3, ambush(other, Action::Stall)), (from, to, Fault::Pause(Target::Node(leader)))];
        let mut world = world(&faults);
        let seen = watch(&mut world, |world| {
            let seconds = world.cluster.now().as_nanos() / 1_000_000_000;
            (seconds, world.cluster.node(leader).paused)
        });
        assert_eq!(world.landed.get("ambush"), Some(&1));
        seen.into_iter().map(|(_, paused)| paused).collect::<Vec<_>>()
    };
    let leader = {
        let mut world = world(&[]);
        watch(&mut world, |_| ());
        world.cluster.newest_leader(0..3).unwrap()
    };
    // The ambush ends at 3 s and a little.
    assert_eq!(paused(2, 5, leader, (leader + 1) % 3), [true, true, true, true]);
    assert_eq!(paused(1, 2, leader, (leader + 1) % 3), [true, true, false, false]);
}

#[test]
fn a_disk_that_is_slow_no_more_stands_still_for_as_long_as_it_is_held() {
    let stall = Fault::Ambush {
        target: Target::Node(1),
        moment: Moment::Synced,
        action: Action::Stall,
        depose_leader: false,
    };
    let mut world = world(&[(1, 4, stall), (1, 2, Fault::SlowDisk(Target::Node(1), 2))]);
    let ends = watch(&mut world, |world| world.cluster.durable[1].last());
    assert_eq!(world.landed.get("ambush"), Some(&1));
    assert!(ends[0] == ends[1] && ends[1] == ends[2] && ends[2] < ends[3], "{ends:?}");
}

#[test]
fn who_is_refused_for_good_is_counted_and_not_waited_for() {
    let mut world = world(&[(1, 2, Fault::Kill(Target::Node(0)))]);
    watch(&mut world, |_| ());
    world.cluster.kill(0);
    let before = world.cluster.durable[0].as_ref().clone();
    world.cluster.damaged[0].add(before);
    let identity = "identity";
    world.cluster.nodes[0].disk_mut().unwrap().overwrite(identity, Vec::new());
    world.start(0);
    assert_eq!((world.gone[0], world.quorum[0]), (true, false));
    let outcome = world.run();
    assert_eq!((outcome.violation, outcome.refused), (None, 1));
}

#[test]
#[should_panic(expected = "1 of 3 nodes are left")]
fn a_majority_is_left_to_be_healed() {
    let mut world = world(&[]);
    world.gone = vec![true, true, false];
    world.heal_quorum();
}
