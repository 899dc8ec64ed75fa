//! Nodes crash and come back with what they had made durable.

use crate::lab::{ELECTION, Lab, number};
use crate::world::{Verdict, World};

/// All restart; the leader restarts; leader and follower miss a command while they are down.
pub(super) async fn basic<W: World>(lab: &Lab<W>) -> Verdict {
    let all = lab.world.size();
    lab.one(number(11), all, true).await?;

    for node in 0..all {
        lab.world.restart(node).await?;
    }
    lab.connect_all(&lab.everyone());
    lab.one(number(12), all, true).await?;

    let leader = lab.check_one_leader().await?;
    lab.reboot(leader).await?;
    lab.one(number(13), all, true).await?;

    let leader = lab.check_one_leader().await?;
    lab.world.crash(leader).await;
    lab.one(number(14), all - 1, true).await?;
    lab.reboot(leader).await?;
    // It must have caught up before another one goes.
    lab.wait(4, all).await?;

    let follower = lab.after(lab.check_one_leader().await?, 1);
    lab.world.crash(follower).await;
    lab.one(number(15), all - 1, true).await?;
    lab.reboot(follower).await?;
    lab.one(number(16), all, true).await?;
    Ok(())
}

/// Five rounds in which the quorum changes under the leader's feet.
pub(super) async fn more<W: World>(lab: &Lab<W>) -> Verdict {
    let all = lab.world.size();
    let mut command = 10;
    let mut next = || {
        command += 1;
        number(command)
    };
    for _ in 0..5 {
        lab.one(next(), all, true).await?;
        let leader = lab.check_one_leader().await?;
        let [a, b, c, d] = [1, 2, 3, 4].map(|steps| lab.after(leader, steps));

        lab.cut_all(&[a, b]);
        lab.one(next(), all - 2, true).await?;

        // Those that have the last command go; those that lack it restart, and must not lead.
        lab.cut_all(&[leader, c, d]);
        for node in [a, b] {
            lab.reboot(node).await?;
        }
        lab.world.sleep(ELECTION).await;

        lab.reboot(c).await?;
        lab.one(next(), all - 2, true).await?;
        lab.connect_all(&[d, leader]);
    }
    lab.one(number(1000), all, true).await?;
    Ok(())
}

/// A follower misses a command; both that have it crash; the old leader's disk must bring it back.
pub(super) async fn partitioned_leader<W: World>(lab: &Lab<W>) -> Verdict {
    lab.one(number(101), 3, true).await?;

    let leader = lab.check_one_leader().await?;
    let [next, last] = [1, 2].map(|steps| lab.after(leader, steps));
    lab.world.cut(last);
    lab.one(number(102), 2, true).await?;

    lab.world.crash(leader).await;
    lab.world.crash(next).await;
    lab.world.connect(last);
    lab.reboot(leader).await?;
    lab.one(number(103), 2, true).await?;

    lab.reboot(next).await?;
    lab.one(number(104), 3, true).await?;
    Ok(())
}
