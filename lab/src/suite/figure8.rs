//! Figure 8 of the paper, provoked a thousand times: leaders vanish at any moment, so entries of old
//! terms are spread over some nodes, and must not be counted as committed.

use crate::lab::{ELECTION, Lab, millis};
use crate::world::{Verdict, World};

const ROUNDS: usize = 1000;

/// Leaders crash; fewer than three nodes up, one restarts.
pub(super) async fn crashes<W: World>(lab: &Lab<W>) -> Verdict {
    lab.one(lab.any_command(), 1, true).await?;
    let all = lab.world.size();
    let mut up = all;
    for _ in 0..ROUNDS {
        let leader = propose_everywhere(lab).await;
        pause(lab).await;
        if let Some(leader) = leader {
            lab.world.crash(leader).await;
            up -= 1;
        }
        if up < 3 {
            let node = lab.any_node();
            if !lab.world.is_up(node) {
                lab.reboot(node).await?;
                up += 1;
            }
        }
        lab.check_safety()?;
    }
    lab.heal().await?;
    lab.one(lab.any_command(), all, true).await?;
    Ok(())
}

/// As [`crashes`], but leaders are cut off, over a network that loses, delays and reorders.
pub(super) async fn unreliable<W: World>(lab: &Lab<W>) -> Verdict {
    lab.one(lab.any_command(), 1, true).await?;
    let all = lab.world.size();
    let mut connected = all;
    for round in 0..ROUNDS {
        if round == 200 {
            lab.world.set_long_reordering(true);
        }
        let leader = propose_everywhere(lab).await;
        pause(lab).await;
        if let Some(leader) = leader
            && lab.chance(50)
        {
            lab.world.cut(leader);
            connected -= 1;
        }
        if connected < 3 {
            let node = lab.any_node();
            if !lab.world.is_connected(node) {
                lab.world.connect(node);
                connected += 1;
            }
        }
        lab.check_safety()?;
    }
    lab.heal().await?;
    lab.one(lab.any_command(), all, true).await?;
    Ok(())
}

/// Offers each node a command; answers the last connected one that took it.
async fn propose_everywhere<W: World>(lab: &Lab<W>) -> Option<usize> {
    let mut leader = None;
    for node in 0..lab.world.size() {
        if lab.world.propose(node, lab.any_command()).await.is_some() && lab.world.is_connected(node) {
            leader = Some(node);
        }
    }
    leader
}

/// Mostly too short for agreement, sometimes long enough.
async fn pause<W: World>(lab: &Lab<W>) {
    let bound = if lab.chance(10) { millis(ELECTION / 2) } else { 13 };
    lab.sleep_ms(lab.world.random(bound)).await;
}
