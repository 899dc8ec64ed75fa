//! Each fault: how it is done, how it is undone, and how we know.

use std::fmt;

use anyhow::{Context, Result, bail};

use super::{Fault, Nemesis};
use crate::rig::disk::LoopDisk;
use crate::rig::network::{Counts, Network};
use crate::rig::throttle::Throttle;

impl Nemesis<'_> {
    /// The evidence, where there is some at once.
    pub(super) async fn begin(&mut self, fault: Fault, node: u64) -> Result<Option<String>> {
        if let Some(network) = &self.network {
            self.before = network.counts()?;
        }
        match fault {
            Fault::Kill => return self.cluster.node(node)?.kill().map(Some),
            Fault::Restart => return self.cluster.node(node)?.stop().await.map(Some),
            Fault::Pause => return self.cluster.node(node)?.pause().await.map(Some),
            Fault::Slow => {
                let pid =
                    self.cluster.node(node)?.pid().with_context(|| format!("n{node} is not running"))?;
                self.throttle = Some(Throttle::start(pid)?);
            }
            Fault::Stall => {
                let disk = self.disk(node)?;
                tokio::task::block_in_place(|| disk.freeze())?;
            }
            Fault::Isolate | Fault::Deafen | Fault::Mute => {
                let cuts = cuts(fault, node, &self.cluster.ids());
                self.network()?.cut(cuts)?;
            }
            Fault::Lose(hundredths) => self.network()?.lose(f64::from(hundredths) / 100.0)?,
            Fault::Delay(by) => self.network()?.delay(by)?,
        }
        Ok(None)
    }

    /// The evidence, of what had to be awaited too.
    pub(super) async fn heal(&mut self, fault: Fault, node: u64) -> Result<Option<String>> {
        match fault {
            Fault::Kill | Fault::Restart => {
                self.cluster.node(node)?.start()?;
                Ok(None)
            }
            Fault::Pause => self.cluster.node(node)?.resume().await.map(Some),
            Fault::Slow => {
                let throttle = self.throttle.take().context("nobody was slowed")?;
                tokio::task::block_in_place(|| throttle.end()).map(Some)
            }
            Fault::Stall => {
                let disk = self.disk(node)?;
                tokio::task::block_in_place(|| disk.thaw()).map(Some)
            }
            Fault::Isolate | Fault::Deafen | Fault::Mute => self.heal_network("cut", |counts| counts.cut),
            Fault::Lose(_) => self.heal_network("lost", |counts| counts.lost),
            Fault::Delay(_) => self.heal_network("delayed", |counts| counts.delayed),
        }
    }

    fn heal_network(&mut self, verb: &str, count: impl Fn(Counts) -> u64) -> Result<Option<String>> {
        let network = self.network()?;
        network.heal()?;
        let now = network.counts()?;
        let since = |count: &dyn Fn(Counts) -> u64| count(now) - count(self.before);
        let (hit, all) = (since(&count), since(&|counts| counts.forwarded + counts.cut + counts.lost));
        if hit == 0 {
            bail!("no datagram was {verb}, of {all}: the fault did not happen");
        }
        Ok(Some(format!("{hit} datagrams {verb}, of {all}")))
    }

    fn network(&mut self) -> Result<&mut Network> {
        self.network.as_deref_mut().context("there is nothing between the nodes that could be disturbed")
    }

    fn disk(&mut self, node: u64) -> Result<&mut LoopDisk> {
        let disk = self.disks.as_mut().and_then(|disks| disks.get_mut(&node));
        disk.with_context(|| format!("n{node} has no file system of its own"))
    }
}

/// From whom to whom nothing gets through while this node is isolated, mute (is not heard) or deaf (does not hear).
fn cuts(fault: Fault, node: u64, nodes: &[u64]) -> Vec<(u64, u64)> {
    let others = nodes.iter().filter(|other| **other != node);
    let ways = others.flat_map(|other| [(node, *other), (*other, node)]);
    ways.filter(|(from, _)| match fault {
        Fault::Mute => *from == node,
        Fault::Deafen => *from != node,
        _ => true,
    })
    .collect()
}

/// A verb, with how much.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Fault::Kill => "kill",
            Fault::Restart => "restart",
            Fault::Pause => "pause",
            Fault::Slow => "slow",
            Fault::Isolate => "isolate",
            Fault::Deafen => "deafen",
            Fault::Mute => "mute",
            Fault::Stall => "stall the disk of",
            Fault::Lose(hundredths) => return write!(f, "lose {hundredths} %"),
            Fault::Delay(by) => return write!(f, "delay by {} ms", by.as_millis()),
        };
        f.write_str(verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_mute_hears_and_who_is_deaf_is_heard() {
        let cuts = |fault| cuts(fault, 2, &[1, 2, 3]);
        assert_eq!(cuts(Fault::Mute), [(2, 1), (2, 3)]);
        assert_eq!(cuts(Fault::Deafen), [(1, 2), (3, 2)]);
        assert_eq!(cuts(Fault::Isolate), [(2, 1), (1, 2), (2, 3), (3, 2)]);
    }
}
