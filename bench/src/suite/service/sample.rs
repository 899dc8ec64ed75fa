//! One load on one cluster, and what it cost.

use anyhow::Result;
use register::load::{LoadArgs, Measured};

use crate::suite::load_child::LoadChild;
use crate::suite::processes::Usage;
use crate::suite::steal::Watch;
use crate::suite::subject::Running;
use crate::tally::{Tally, Traffic};

/// How often nodes are asked what they counted.
const TRIES: u32 = 5;

/// What one load came to.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What the load itself says.
    pub measured: Measured,
    /// What all nodes used in that time; the memory is that of the node that has most, at the end.
    pub nodes: Usage,
    /// What the nodes counted in that time, if they tell.
    pub traffic: Option<Traffic>,
    /// They tell, but not all of them did.
    pub silent: bool,
    /// What the host took of the processors' time, in percent, if the kernel tells.
    pub stolen: Option<f64>,
}

/// Puts a cluster under load.
pub async fn take(running: &Running, args: &LoadArgs) -> Result<Sample> {
    let mut load = LoadChild::start(running.load(args))?;
    load.begun().await?;
    let (before, watch) = (Usage::of_all(&running.pids)?, Watch::begin());
    let counted = look(running).await;
    if let Some(observer) = &running.observer {
        observer.tally(Tally::set_baseline);
    }
    let measured = load.measured(args.seconds).await?;
    let (nodes, stolen) = (Usage::of_all(&running.pids)? - before, watch.percent());
    let traffic = match &running.observer {
        Some(observer) if counted && look(running).await => Some(observer.tally(|tally| tally.traffic())),
        _ => None,
    };
    load.end().await?;
    let silent = running.observer.is_some() && traffic.is_none();
    Ok(Sample { measured, nodes, traffic, silent, stolen })
}

/// Whether every node said what it counted. One that has much to do may take its time.
async fn look(running: &Running) -> bool {
    let Some(observer) = &running.observer else { return false };
    for _ in 0..TRIES {
        if observer.look().await.len() == running.pids.len() {
            return true;
        }
    }
    false
}
