//! What goes wrong while clients work.

use std::time::Duration;

use crate::carrier::Carrier;
use crate::world::{Verdict, World};

use super::Registers;

/// Faults that landed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disturbance {
    /// Nodes crashed.
    pub crashes: u32,
    /// Nodes cut off.
    pub cuts: u32,
    /// Times that the network became bad.
    pub storms: u32,
}

/// Does one harm, or mends one, every 50–550 ms for this long, then heals everything.
pub(super) async fn disturb<C: Carrier>(lab: &Registers<C>, time: Duration) -> Verdict<Disturbance> {
    let mut done = Disturbance::default();
    let end = lab.world.now() + time;
    while lab.world.now() < end {
        harm(lab, &mut done).await?;
        lab.sleep_ms(50 + lab.world.random(500)).await;
        lab.check_safety()?;
    }
    lab.world.set_unreliable(false);
    lab.world.set_long_reordering(false);
    lab.heal().await?;
    Ok(done)
}

async fn harm<C: Carrier>(lab: &Registers<C>, done: &mut Disturbance) -> Verdict {
    let victim = if lab.chance(40) { leader(lab).await } else { None };
    let node = victim.unwrap_or_else(|| lab.any_node());
    match lab.world.random(10) {
        0 | 1 if lab.world.is_connected(node) => {
            lab.world.cut(node);
            done.cuts += 1;
        }
        2 | 3 if lab.world.is_up(node) => {
            lab.world.crash(node).await;
            done.crashes += 1;
        }
        4 => {
            lab.world.set_unreliable(true);
            lab.world.set_long_reordering(lab.chance(30));
            done.storms += 1;
        }
        5 => {
            lab.world.set_unreliable(false);
            lab.world.set_long_reordering(false);
        }
        _ => {
            let node = lab.any_node();
            if !lab.world.is_up(node) {
                lab.world.restart(node).await?;
            }
            lab.world.connect(node);
        }
    }
    Ok(())
}

async fn leader<C: Carrier>(lab: &Registers<C>) -> Option<usize> {
    for node in lab.everyone() {
        if lab.world.standing(node).await.is_some_and(|standing| standing.leads) {
            return Some(node);
        }
    }
    None
}
