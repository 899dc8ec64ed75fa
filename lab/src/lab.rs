//! What the test bodies say to the world: the helpers of the original suite, and the record of how
//! near each of a test's own limits came.

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use raft::{LogId, LogIndex, Term};

use crate::crew::Crew;
use crate::fail;
use crate::ledger::Ledger;
use crate::world::{Verdict, World};

/// The original's `RaftElectionTimeout`: longer than an election takes.
pub const ELECTION: Duration = Duration::from_millis(1000);

/// How long [`Lab::one`] goes on offering a command.
const ONE: Duration = Duration::from_secs(10);

/// How near a test came to one of its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Margin {
    /// What is limited.
    pub what: &'static str,
    /// What was seen, at worst.
    pub seen: u64,
    /// What is allowed.
    pub limit: u64,
}

/// A world under test.
#[derive(Debug)]
pub struct Lab<W> {
    /// The world.
    pub world: W,
    margins: RefCell<Vec<Margin>>,
}

/// A command that was applied somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number among the commands, from 1.
    pub number: usize,
    /// How many nodes have applied it.
    pub nodes: usize,
    /// The command.
    pub command: Bytes,
}

/// What came of [`Lab::wait_at`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Enough nodes applied this command.
    Applied(Bytes),
    /// A node has moved on to a later term, so nothing was promised.
    TermMoved,
}

impl<W: World> Lab<W> {
    /// A lab over a fresh world.
    pub fn new(world: W) -> Lab<W> {
        Lab { world, margins: RefCell::default() }
    }

    /// How near the limits came, worst first seen first.
    pub fn margins(&self) -> Vec<Margin> {
        self.margins.borrow().clone()
    }

    /// Fails if `seen` is above `limit`; remembers the worst.
    pub fn within(&self, what: &'static str, seen: u64, limit: u64) -> Verdict {
        let mut margins = self.margins.borrow_mut();
        match margins.iter_mut().find(|margin| margin.what == what) {
            Some(margin) => margin.seen = margin.seen.max(seen),
            None => margins.push(Margin { what, seen, limit }),
        }
        if seen > limit {
            fail!("{what}: {seen}, at most {limit} allowed");
        }
        Ok(())
    }

    /// Fails if a safety property was seen broken.
    pub fn check_safety(&self) -> Verdict {
        match self.world.observe(|ledger| ledger.violation().map(str::to_owned)) {
            Some(violation) => fail!("safety broken: {violation}"),
            None => Ok(()),
        }
    }

    /// The one leader of the newest term among connected nodes, within about five seconds.
    pub async fn check_one_leader(&self) -> Verdict<usize> {
        let started = self.world.now();
        for _ in 0..10 {
            self.sleep_ms(450 + self.world.random(100)).await;
            self.check_safety()?;
            let mut newest: Option<(Term, usize)> = None;
            for node in self.connected() {
                let Some(standing) = self.world.standing(node).await else { continue };
                if !standing.leads {
                    continue;
                }
                match newest {
                    Some((term, other)) if term == standing.term => {
                        fail!("term {term} has two leaders, {other} and {node}")
                    }
                    Some((term, _)) if term > standing.term => {}
                    Some(_) | None => newest = Some((standing.term, node)),
                }
            }
            if let Some((_, leader)) = newest {
                self.within("ms until a leader", millis(self.world.now() - started), 5500)?;
                return Ok(leader);
            }
        }
        fail!("expected one leader, found none in {:?}", self.world.now() - started)
    }

    /// Fails if a connected node believes that it leads.
    pub async fn check_no_leader(&self) -> Verdict {
        self.check_safety()?;
        for node in self.connected() {
            if self.world.standing(node).await.is_some_and(|s| s.leads) {
                fail!("expected no leader, but node {node} claims to lead");
            }
        }
        Ok(())
    }

    /// The term on which all connected nodes agree.
    pub async fn check_terms(&self) -> Verdict<Term> {
        let mut agreed: Option<(Term, usize)> = None;
        for node in self.connected() {
            let Some(standing) = self.world.standing(node).await else { continue };
            match agreed {
                Some((term, other)) if term != standing.term => {
                    fail!("node {other} is in term {term}, node {node} in term {}", standing.term)
                }
                Some(_) => {}
                None => agreed = Some((standing.term, node)),
            }
        }
        match agreed {
            Some((term, _)) => Ok(term),
            None => fail!("no node is connected"),
        }
    }

    /// How many nodes have applied command `number`. Fails at once where two nodes differ, or one
    /// applied out of order, at any number.
    pub fn n_committed(&self, number: usize) -> Verdict<usize> {
        self.check_safety()?;
        Ok(self.world.observe(|ledger| ledger.count(number)))
    }

    /// As [`Lab::n_committed`] for a place in the log: the command that was applied from it.
    pub fn applied_at(&self, at: LogIndex) -> Verdict<Option<Found>> {
        self.check_safety()?;
        Ok(self.world.observe(|ledger| ledger.number_at(at).and_then(|number| find(ledger, number))))
    }

    /// Has a command agreed upon: offers it to each connected node in turn until one accepts,
    /// then waits up to 2 s until `expected` nodes have applied it; `retry` starts over where they
    /// do not. Answers its number. Fails after 10 s.
    pub async fn one(&self, command: Bytes, expected: usize, retry: bool) -> Verdict<usize> {
        let started = self.world.now();
        let mut starts = 0;
        while self.world.now() - started < ONE {
            let mut accepted = None;
            for _ in 0..self.world.size() {
                starts = (starts + 1) % self.world.size();
                if self.world.is_connected(starts) && self.world.is_up(starts) {
                    accepted = self.world.propose(starts, command.clone()).await;
                    if accepted.is_some() {
                        break;
                    }
                }
            }
            let Some(id) = accepted else {
                self.check_safety()?;
                self.sleep_ms(50).await;
                continue;
            };
            if let Some(number) = self.agreed(id.index, &command, expected).await? {
                self.within("ms until agreement", millis(self.world.now() - started), millis(ONE) + 2000)?;
                return Ok(number);
            }
            if !retry {
                fail!("a command accepted as {id} was not applied by {expected} nodes within 2 s");
            }
        }
        fail!("a command was not applied by {expected} nodes within 10 s")
    }

    /// Waits up to 2 s until `expected` nodes have applied just this command at this place.
    async fn agreed(&self, at: LogIndex, command: &Bytes, expected: usize) -> Verdict<Option<usize>> {
        let started = self.world.now();
        while self.world.now() - started < Duration::from_secs(2) {
            if let Some(found) = self.applied_at(at)?
                && found.nodes >= expected
                && found.command == *command
            {
                return Ok(Some(found.number));
            }
            self.sleep_ms(20).await;
        }
        Ok(None)
    }

    /// Offers commands to one node, one right behind the other, without waiting for it in between.
    /// Answers where each was put, in their order.
    pub async fn offer(&self, node: usize, commands: &[Bytes]) -> Vec<Option<LogId>> {
        let crew = Crew::default();
        for (place, command) in commands.iter().enumerate() {
            crew.start(async move { (place, self.world.propose(node, command.clone()).await) });
        }
        let mut answers = crew.finish().await;
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, id)| id).collect()
    }

    /// Waits until `expected` nodes have applied command `number`, for about 30 s.
    pub async fn wait(&self, number: usize, expected: usize) -> Verdict<Bytes> {
        let look = || self.world.observe(|ledger| find(ledger, number));
        match self.wait_for(look, expected, None).await? {
            Some(Waited::Applied(command)) => Ok(command),
            Some(Waited::TermMoved) | None => {
                let count = self.n_committed(number)?;
                fail!("only {count} nodes applied command {number}, wanted {expected}")
            }
        }
    }

    /// Waits until `expected` nodes have applied a command from place `at`, for about 30 s, but
    /// gives up where a node moved past `term`.
    pub async fn wait_at(&self, at: LogIndex, expected: usize, term: Term) -> Verdict<Waited> {
        let look = || self.applied_at(at).ok().flatten();
        match self.wait_for(look, expected, Some(term)).await? {
            Some(waited) => Ok(waited),
            None => fail!("index {at} was not applied by {expected} nodes"),
        }
    }

    async fn wait_for(
        &self,
        look: impl Fn() -> Option<Found>,
        expected: usize,
        term: Option<Term>,
    ) -> Verdict<Option<Waited>> {
        let mut pause = 10;
        for _ in 0..30 {
            self.check_safety()?;
            if let Some(found) = look()
                && found.nodes >= expected
            {
                return Ok(Some(Waited::Applied(found.command)));
            }
            self.sleep_ms(pause).await;
            if pause < 1000 {
                pause *= 2;
            }
            if let Some(term) = term
                && self.is_past(term).await
            {
                return Ok(Some(Waited::TermMoved));
            }
        }
        Ok(None)
    }

    /// Whether any node is in a term later than this one.
    pub async fn is_past(&self, term: Term) -> bool {
        for node in 0..self.world.size() {
            if self.world.standing(node).await.is_some_and(|s| s.term > term) {
                return true;
            }
        }
        false
    }

    /// Crashes the node, starts it again and connects it.
    pub async fn reboot(&self, node: usize) -> Verdict {
        self.world.restart(node).await?;
        self.world.connect(node);
        Ok(())
    }

    /// Cuts off these nodes.
    pub fn cut_all(&self, nodes: &[usize]) {
        nodes.iter().for_each(|node| self.world.cut(*node));
    }

    /// Connects these nodes with all that are connected.
    pub fn connect_all(&self, nodes: &[usize]) {
        nodes.iter().for_each(|node| self.world.connect(*node));
    }

    /// Every node.
    pub fn everyone(&self) -> Vec<usize> {
        (0..self.world.size()).collect()
    }

    /// Brings every node up and connects all.
    pub async fn heal(&self) -> Verdict {
        for node in 0..self.world.size() {
            if !self.world.is_up(node) {
                self.world.restart(node).await?;
            }
            self.world.connect(node);
        }
        Ok(())
    }

    /// Lets milliseconds pass.
    pub async fn sleep_ms(&self, ms: u64) {
        self.world.sleep(Duration::from_millis(ms)).await;
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&self, percent: u64) -> bool {
        self.world.random(100) < percent
    }

    /// Any node.
    pub fn any_node(&self) -> usize {
        self.node(self.world.random(1 << 20))
    }

    /// A command that says nothing, different from any other with near certainty.
    pub fn any_command(&self) -> Bytes {
        number(self.world.random(u64::MAX))
    }

    /// The node `steps` after `node`, round the table.
    pub fn after(&self, node: usize, steps: usize) -> usize {
        (node + steps) % self.world.size()
    }

    fn node(&self, drawn: u64) -> usize {
        usize::try_from(drawn).unwrap_or(0) % self.world.size()
    }

    fn connected(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.world.size()).filter(|node| self.world.is_connected(*node))
    }
}

fn find(ledger: &Ledger, number: usize) -> Option<Found> {
    let command = ledger.command(number)?.clone();
    Some(Found { number, nodes: ledger.count(number), command })
}

/// A command of eight bytes.
#[must_use]
pub fn number(value: u64) -> Bytes {
    Bytes::copy_from_slice(&value.to_le_bytes())
}

/// Whole milliseconds.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
