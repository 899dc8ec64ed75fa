//! Clients keep proposing while nodes are cut off, crashed and restarted, or while messages are
//! lost: whatever a client saw applied must be in the log at the end.

use std::cell::Cell;

use bytes::Bytes;
use raft::LogIndex;

use crate::crew::Crew;
use crate::fail;
use crate::lab::{ELECTION, Lab, number};
use crate::world::{Verdict, World};

/// 49 times five commands at once over the unreliable network; then all nodes agree.
pub(super) async fn unreliable_agreement<W: World>(lab: &Lab<W>) -> Verdict {
    let crew = Crew::default();
    let rounds = async {
        for round in 1..50 {
            for j in 0..4 {
                crew.start(async move { lab.one(number(1000 * round + j), 1, true).await });
            }
            lab.one(number(round), 1, true).await?;
        }
        Ok(())
    };
    crew.during(rounds).await?;
    lab.world.set_unreliable(false);
    crew.finish().await.into_iter().collect::<Verdict<Vec<_>>>()?;
    lab.one(number(100), lab.world.size(), true).await?;
    Ok(())
}

/// Twenty rounds of disconnections, restarts and crashes under three clients.
pub(super) async fn churn<W: World>(lab: &Lab<W>) -> Verdict {
    let ended = Cell::new(false);
    let clients = Crew::default();
    for me in 0..3 {
        clients.start(client(lab, me, &ended));
    }
    clients.during(disturb(lab)).await?;

    ended.set(true);
    let seen: Vec<Bytes> =
        clients.finish().await.into_iter().collect::<Verdict<Vec<_>>>()?.into_iter().flatten().collect();
    lab.world.sleep(ELECTION).await;

    let last = lab.one(lab.any_command(), lab.world.size(), true).await?;
    let mut log = std::collections::BTreeSet::new();
    for number in 1..=last {
        log.insert(lab.wait(number, lab.world.size()).await?);
    }
    match seen.iter().find(|command| !log.contains(*command)) {
        Some(lost) => fail!("a client saw {lost:?} applied, but the log of {last} commands lacks it"),
        None => Ok(()),
    }
}

async fn disturb<W: World>(lab: &Lab<W>) -> Verdict {
    for _ in 0..20 {
        if lab.chance(20) {
            lab.world.cut(lab.any_node());
        }
        if lab.chance(50) {
            let node = lab.any_node();
            if !lab.world.is_up(node) {
                lab.world.restart(node).await?;
            }
            lab.world.connect(node);
        }
        if lab.chance(20) {
            let node = lab.any_node();
            if lab.world.is_up(node) {
                lab.world.crash(node).await;
            }
        }
        // Seldom enough that nodes can often keep up, not so seldom that everything settles.
        lab.world.sleep(ELECTION * 7 / 10).await;
        lab.check_safety()?;
    }
    lab.world.sleep(ELECTION).await;
    lab.world.set_unreliable(false);
    lab.heal().await
}

/// Proposes one command after the other; answers those that it saw applied.
async fn client<W: World>(lab: &Lab<W>, me: u64, ended: &Cell<bool>) -> Verdict<Vec<Bytes>> {
    let mut seen = Vec::new();
    while !ended.get() {
        let command = lab.any_command();
        let mut accepted = None;
        for node in 0..lab.world.size() {
            accepted = lab.world.propose(node, command.clone()).await.or(accepted);
        }
        match accepted {
            Some(id) if was_applied(lab, id.index, &command).await? => seen.push(command),
            Some(_) => {}
            None => lab.sleep_ms(79 + 17 * me).await,
        }
    }
    Ok(seen)
}

/// Whether the command is applied from its place within about 380 ms. The first look comes after
/// a pause too: in one process a command may be applied before its proposer runs again, and three
/// clients that never sleep measure the processor.
async fn was_applied<W: World>(lab: &Lab<W>, at: LogIndex, command: &Bytes) -> Verdict<bool> {
    for pause in [10, 20, 50, 100, 200] {
        lab.sleep_ms(pause).await;
        if let Some(applied) = lab.applied_at(at)? {
            return Ok(applied.command == *command);
        }
    }
    Ok(false)
}
