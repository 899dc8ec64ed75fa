//! Leaders that were cut off come back with logs that nobody shares.

use crate::lab::{ELECTION, Lab, number};
use crate::world::{Verdict, World};

/// A cut leader takes three commands that are doomed; the rest goes on; then the roles change.
pub(super) async fn rejoin<W: World>(lab: &Lab<W>) -> Verdict {
    let all = lab.world.size();
    lab.one(number(101), all, true).await?;

    let first = lab.check_one_leader().await?;
    lab.world.cut(first);
    lab.offer(first, &[102, 103, 104].map(number)).await;
    lab.one(number(1103), 2, true).await?;

    let second = lab.check_one_leader().await?;
    lab.world.cut(second);
    lab.world.connect(first);
    lab.one(number(1104), 2, true).await?;

    lab.world.connect(second);
    lab.one(number(1105), all, true).await?;
    Ok(())
}

/// Fifty doomed entries on each side, twice over; every log must end up the same in good time.
pub(super) async fn backs_up_quickly<W: World>(lab: &Lab<W>) -> Verdict {
    let all = lab.world.size();
    lab.one(lab.any_command(), all, true).await?;

    // A leader with one follower gets commands that cannot be committed.
    let first = lab.check_one_leader().await?;
    let pair = [first, lab.after(first, 1)];
    let trio = [lab.after(first, 2), lab.after(first, 3), lab.after(first, 4)];
    lab.cut_all(&trio);
    doomed(lab, first).await;
    lab.cut_all(&pair);

    // The other three commit many.
    lab.connect_all(&trio);
    commit(lab).await?;

    // One of the three is cut off, so that their leader's next commands are doomed too.
    let second = lab.check_one_leader().await?;
    let other = if second == trio[0] { lab.after(second, 1) } else { trio[0] };
    lab.world.cut(other);
    doomed(lab, second).await;

    // The first leader and its follower come back, with the one that was cut off last.
    lab.cut_all(&lab.everyone());
    lab.connect_all(&[pair[0], pair[1], other]);
    commit(lab).await?;

    lab.connect_all(&lab.everyone());
    lab.one(lab.any_command(), all, true).await?;
    Ok(())
}

async fn doomed<W: World>(lab: &Lab<W>, leader: usize) {
    let commands: Vec<_> = (0..50).map(|_| lab.any_command()).collect();
    lab.offer(leader, &commands).await;
    lab.world.sleep(ELECTION / 2).await;
}

async fn commit<W: World>(lab: &Lab<W>) -> Verdict {
    for _ in 0..50 {
        lab.one(lab.any_command(), 3, true).await?;
    }
    Ok(())
}
