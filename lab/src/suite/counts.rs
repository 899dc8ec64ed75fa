//! What agreement may cost: bytes and RPCs.

use bytes::Bytes;
use raft::{LogIndex, Term};

use crate::fail;
use crate::lab::{ELECTION, Lab, Waited, number};
use crate::world::{Verdict, World};

/// Each command crosses to each peer once.
pub(super) async fn bytes<W: World>(lab: &Lab<W>) -> Verdict {
    const SIZE: usize = 5000;
    let all = lab.world.size();
    lab.one(number(99), all, false).await?;

    let before = lab.world.traffic().bytes;
    let mut payload = 0;
    for expected in 2..12 {
        let command = text(lab, SIZE);
        payload += command.len() as u64;
        let landed = lab.one(command, all, false).await?;
        if landed != expected {
            fail!("got number {landed}, expected {expected}");
        }
    }
    let sent = lab.world.traffic().bytes - before;
    lab.within("bytes for ten commands", sent, all as u64 * payload + 50_000)
}

fn text<W: World>(lab: &Lab<W>, size: usize) -> Bytes {
    (0..size).map(|_| b'a' + u8::try_from(lab.world.random(26)).unwrap_or(0)).collect()
}

/// Electing, agreeing and idling stay within their limits of RPCs.
pub(super) async fn rpcs<W: World>(lab: &Lab<W>) -> Verdict {
    lab.check_one_leader().await?;
    let electing = lab.world.traffic().requests;
    if electing == 0 {
        fail!("a leader was elected without an RPC");
    }
    lab.within("RPCs to elect", electing, 30)?;

    for attempt in 0..5 {
        if attempt > 0 {
            lab.sleep_ms(3000).await;
        }
        let leader = lab.check_one_leader().await?;
        let before = lab.world.traffic().requests;
        if !eleven_in_one_term(lab, leader).await? {
            continue;
        }
        let after = lab.world.traffic().requests;
        lab.within("RPCs for twelve commands", after - before, (10 + 1 + 3) * 3)?;
        lab.world.sleep(ELECTION).await;
        let idle = lab.world.traffic().requests - after;
        return lab.within("RPCs in an idle second", idle, 3 * 20);
    }
    fail!("the term changed too often")
}

/// Whether a leader took and applied one command, then eleven more behind it, all in one term.
async fn eleven_in_one_term<W: World>(lab: &Lab<W>, leader: usize) -> Verdict<bool> {
    let Some(first) = lab.world.propose(leader, number(1)).await else { return Ok(false) };
    let commands: Vec<Bytes> = (0..11).map(|_| lab.any_command()).collect();
    let mut placed = Vec::new();
    for (step, id) in (1..).zip(lab.offer(leader, &commands).await) {
        let Some(id) = id.filter(|id| id.term == first.term) else { return Ok(false) };
        if id.index != LogIndex(first.index.0 + step) {
            fail!("a command was accepted as {id}, {step} after {first}");
        }
        placed.push(id.index);
    }
    // The last one is left out, as the original does: it may still be on its way.
    let commands: Vec<_> = placed.into_iter().zip(commands).take(10).collect();
    all_applied(lab, &commands, first.term).await
}

async fn all_applied<W: World>(lab: &Lab<W>, commands: &[(LogIndex, Bytes)], term: Term) -> Verdict<bool> {
    for (at, command) in commands {
        match lab.wait_at(*at, lab.world.size(), term).await? {
            Waited::TermMoved => return Ok(false),
            Waited::Applied(applied) if applied != *command => {
                fail!("index {at} holds {applied:?}, proposed was {command:?}")
            }
            Waited::Applied(_) => {}
        }
    }
    Ok(!lab.is_past(term).await)
}
