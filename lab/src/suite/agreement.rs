//! Agreement on commands, with and without followers that are out of reach.

use raft::Term;

use crate::fail;
use crate::lab::{ELECTION, Lab, Waited, number};
use crate::world::{Verdict, World};

/// Three commands land at exactly 1, 2, 3, and none is applied before it was proposed.
pub(super) async fn basic<W: World>(lab: &Lab<W>) -> Verdict {
    for expected in 1..=3 {
        if lab.n_committed(expected)? > 0 {
            fail!("command {expected} was applied before it was proposed");
        }
        let landed = lab.one(number(expected as u64 * 100), lab.world.size(), false).await?;
        if landed != expected {
            fail!("got number {landed}, expected {expected}");
        }
    }
    Ok(())
}

/// Agreement goes on without a follower, and includes it when it is back.
pub(super) async fn despite_disconnection<W: World>(lab: &Lab<W>) -> Verdict {
    let all = lab.world.size();
    lab.one(number(101), all, false).await?;

    let leader = lab.check_one_leader().await?;
    let follower = lab.after(leader, 1);
    lab.world.cut(follower);
    lab.one(number(102), all - 1, false).await?;
    lab.one(number(103), all - 1, false).await?;
    lab.world.sleep(ELECTION).await;
    lab.one(number(104), all - 1, false).await?;
    lab.one(number(105), all - 1, false).await?;

    lab.world.connect(follower);
    lab.one(number(106), all, true).await?;
    lab.world.sleep(ELECTION).await;
    lab.one(number(107), all, true).await?;
    Ok(())
}

/// Nothing is agreed upon without a quorum.
pub(super) async fn no_quorum<W: World>(lab: &Lab<W>) -> Verdict {
    let all = lab.world.size();
    lab.one(number(10), all, false).await?;

    let leader = lab.check_one_leader().await?;
    let followers = [1, 2, 3].map(|steps| lab.after(leader, steps));
    lab.cut_all(&followers);
    if lab.world.propose(leader, number(20)).await.is_none() {
        fail!("the leader rejected a command");
    }
    lab.world.sleep(2 * ELECTION).await;
    let count = lab.n_committed(2)?;
    if count > 0 {
        fail!("{count} nodes applied a command without a quorum");
    }

    // The three that were cut off may elect a leader of their own, and forget command 2.
    lab.connect_all(&followers);
    let leader = lab.check_one_leader().await?;
    let Some(id) = lab.world.propose(leader, number(30)).await else {
        fail!("the new leader rejected a command");
    };
    lab.one(number(1000), all, true).await?;
    match lab.world.observe(|ledger| ledger.number_at(id.index)) {
        Some(2 | 3) => Ok(()),
        Some(landed) => fail!("the new leader's first command has number {landed}, not 2 or 3"),
        None => fail!("the command that the new leader accepted as {id} was lost"),
    }
}

/// Five commands at once, all applied by all; tried again where the term changed meanwhile.
pub(super) async fn concurrent<W: World>(lab: &Lab<W>) -> Verdict {
    for attempt in 0..5 {
        if attempt > 0 {
            // Give the election that disturbed the last attempt time to settle.
            lab.sleep_ms(3000).await;
        }
        let leader = lab.check_one_leader().await?;
        let Some(first) = lab.world.propose(leader, number(1)).await else { continue };
        if five_at_once(lab, leader, first.term).await? {
            return Ok(());
        }
    }
    fail!("the term changed too often")
}

/// Whether all five were accepted and applied in `term`; fails if one was lost in it.
async fn five_at_once<W: World>(lab: &Lab<W>, leader: usize, term: Term) -> Verdict<bool> {
    let commands: Vec<_> = (100..105).map(number).collect();
    let accepted = lab.offer(leader, &commands).await.into_iter().flatten();
    let accepted: Vec<_> = accepted.filter(|id| id.term == term).collect();
    if lab.is_past(term).await {
        return Ok(false);
    }

    let mut applied = Vec::new();
    for id in accepted {
        match lab.wait_at(id.index, lab.world.size(), term).await? {
            Waited::Applied(command) => applied.push(command),
            Waited::TermMoved => return Ok(false),
        }
    }
    for command in &commands {
        if !applied.contains(command) {
            fail!("command {command:?} is missing in {applied:?}");
        }
    }
    Ok(true)
}
