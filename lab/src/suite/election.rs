//! Part 4A: a leader is elected, stays, and is replaced when it is lost.

use crate::fail;
use crate::lab::{ELECTION, Lab};
use crate::world::{Verdict, World};

/// Without failures a leader is found, and stays.
pub(super) async fn initial<W: World>(lab: &Lab<W>) -> Verdict {
    let leader = lab.check_one_leader().await?;
    // Followers may hear of the term a moment later.
    lab.sleep_ms(50).await;
    let term = lab.check_terms().await?;
    if term.0 < 1 {
        fail!("the term is {term}, but should be at least 1");
    }
    lab.world.sleep(2 * ELECTION).await;
    let later = lab.check_terms().await?;
    if later != term {
        fail!("the term went from {term} to {later} although nothing failed");
    }
    let still = lab.check_one_leader().await?;
    if still != leader {
        fail!("node {leader} led, then node {still}, although nothing failed");
    }
    Ok(())
}

/// A lost leader is replaced; without a quorum nobody leads; with it again somebody does.
pub(super) async fn after_network_failure<W: World>(lab: &Lab<W>) -> Verdict {
    let first = lab.check_one_leader().await?;
    lab.world.cut(first);
    lab.check_one_leader().await?;

    // The old leader's return must not disturb the new one.
    lab.world.connect(first);
    let second = lab.check_one_leader().await?;

    let other = lab.after(second, 1);
    lab.world.cut(second);
    lab.world.cut(other);
    lab.world.sleep(2 * ELECTION).await;
    lab.check_no_leader().await?;

    lab.world.connect(other);
    lab.check_one_leader().await?;
    lab.world.connect(second);
    lab.check_one_leader().await?;
    Ok(())
}
