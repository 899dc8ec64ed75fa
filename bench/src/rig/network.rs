//! The links between the nodes, and what is wrong with them now, whoever carries that out.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::Result;

/// What happens to datagrams on their way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// From whom to whom nothing gets through.
    pub cuts: BTreeSet<(u64, u64)>,
    /// The share (0 to 1) of datagrams that is lost, on every link.
    pub loss: f64,
    /// What each datagram waits, on every link.
    pub delay: Duration,
}

/// Datagrams since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That were sent on.
    pub forwarded: u64,
    /// That met a cut.
    pub cut: u64,
    /// That were lost by chance.
    pub lost: u64,
    /// That were held back.
    pub delayed: u64,
    /// That there was no room for, neither in the queue of those held back nor in a socket: nobody asked for that.
    pub overflowed: u64,
}

/// Something between the nodes that does as the rules say.
pub trait Links: Debug + Send {
    /// From now on by these.
    fn obey(&mut self, rules: &Rules) -> Result<()>;

    /// What became of datagrams so far.
    fn counts(&self) -> Result<Counts>;
}

/// Links with the rules that hold on them.
#[derive(Debug)]
pub struct Network {
    links: Box<dyn Links>,
    rules: Rules,
}

impl Network {
    /// On which everything gets through.
    #[must_use]
    pub fn new(links: impl Links + 'static) -> Network {
        Network { links: Box::new(links), rules: Rules::default() }
    }

    /// From now on nothing gets from the first of each pair to the second.
    pub fn cut(&mut self, pairs: impl IntoIterator<Item = (u64, u64)>) -> Result<()> {
        self.rules.cuts.extend(pairs);
        self.links.obey(&self.rules)
    }

    /// From now on this share (0 to 1) of all datagrams is lost.
    pub fn lose(&mut self, share: f64) -> Result<()> {
        self.rules.loss = share;
        self.links.obey(&self.rules)
    }

    /// From now on each datagram arrives so much later.
    pub fn delay(&mut self, by: Duration) -> Result<()> {
        self.rules.delay = by;
        self.links.obey(&self.rules)
    }

    /// From now on everything gets through at once.
    pub fn heal(&mut self) -> Result<()> {
        self.rules = Rules::default();
        self.links.obey(&self.rules)
    }

    /// What became of datagrams so far.
    pub fn counts(&self) -> Result<Counts> {
        self.links.counts()
    }
}
