//! Asks the nodes how they are: who leads, how far they are, what they counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use register::{Client, NodeStatus};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::tally::Tally;

/// A client that asks every node for its status, and keeps the tally of what they say.
#[derive(Debug)]
pub struct Observer {
    client: Client,
    endpoints: Vec<(u64, String)>,
    tally: Mutex<Tally>,
}

/// How long one node may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks while something is awaited.
const PAUSE: Duration = Duration::from_millis(50);

impl Observer {
    /// Of the nodes at these client addresses.
    #[must_use]
    pub fn new(client: Client, endpoints: Vec<(u64, String)>) -> Observer {
        Observer { client, endpoints, tally: Mutex::new(Tally::default()) }
    }

    /// What those nodes say that answer.
    pub async fn look(&self) -> Vec<NodeStatus> {
        let mut asked = JoinSet::new();
        for (_, endpoint) in &self.endpoints {
            let (client, endpoint) = (self.client.clone(), endpoint.clone());
            asked.spawn(async move { client.status(&endpoint, PATIENCE).await });
        }
        let mut answers = Vec::new();
        while let Some(answer) = asked.join_next().await {
            // A node that is down or paused says nothing; that is no news here.
            if let Ok(Ok(status)) = answer {
                self.tally(|tally| tally.observe(status.clone()));
                answers.push(status);
            }
        }
        answers.sort_by_key(|status| status.node);
        answers
    }

    /// What one node says, if it answers within that time.
    pub async fn ask(&self, node: u64, patience: Duration) -> Option<NodeStatus> {
        let (_, endpoint) = self.endpoints.iter().find(|(id, _)| *id == node)?;
        let status = self.client.status(endpoint, patience).await.ok()?;
        self.tally(|tally| tally.observe(status.clone()));
        Some(status)
    }

    /// Works on the tally.
    pub fn tally<T>(&self, work: impl FnOnce(&mut Tally) -> T) -> T {
        work(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `wanted` holds of the answers, and returns them.
    pub async fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&[NodeStatus]) -> bool,
    ) -> Result<Vec<NodeStatus>> {
        let begun = Instant::now();
        loop {
            let answers = self.look().await;
            if wanted(&answers) {
                return Ok(answers);
            }
            if begun.elapsed() > limit {
                bail!("waited {limit:?} in vain for {what}; the nodes say: {}", in_words(&answers));
            }
            sleep(PAUSE).await;
        }
    }

    /// The node that leads, by the newest term that any of them knows.
    pub async fn leader(&self) -> Result<u64> {
        let found =
            self.wait_until("a leader", Duration::from_secs(10), |answers| leader(answers).is_some()).await?;
        match leader(&found) {
            Some(leader) => Ok(leader),
            None => bail!("no node leads"),
        }
    }
}

/// An old leader that does not know yet says "leader" too, of an older term.
fn leader(answers: &[NodeStatus]) -> Option<u64> {
    let newest = answers.iter().map(|status| status.term).max()?;
    answers.iter().find(|status| status.term == newest && status.role == "leader").map(|status| status.node)
}

/// Whether all of `nodes` answer, follow one leader, and have applied all that is committed.
#[must_use]
pub fn all_agree(answers: &[NodeStatus], nodes: usize) -> bool {
    let Some(first) = answers.first() else { return false };
    answers.len() == nodes
        && first.leader.is_some()
        && answers.iter().all(|status| {
            (status.term, status.leader, status.last_applied)
                == (first.term, first.leader, first.commit_index)
        })
}

fn in_words(answers: &[NodeStatus]) -> String {
    if answers.is_empty() {
        return "nothing".to_owned();
    }
    let one = |status: &NodeStatus| {
        let NodeStatus { node, role, term, commit_index, last_applied, .. } = status;
        format!("n{node} {role} of term {term}, committed {commit_index}, applied {last_applied}")
    };
    answers.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(node: u64, role: &str, term: u64, applied: u64) -> NodeStatus {
        NodeStatus {
            node,
            role: role.into(),
            term,
            leader: Some(1),
            commit_index: applied,
            last_applied: applied,
            ..NodeStatus::default()
        }
    }

    #[test]
    fn a_leader_of_an_older_term_does_not_lead() {
        assert_eq!(leader(&[status(1, "leader", 3, 0), status(2, "follower", 4, 0)]), None);
        assert_eq!(leader(&[status(1, "leader", 3, 0), status(2, "leader", 4, 0)]), Some(2));
    }

    #[test]
    fn agreement_means_all_of_them_at_the_same_index() {
        let both = [status(1, "leader", 3, 9), status(2, "follower", 3, 9)];
        assert!(all_agree(&both, 2));
        assert!(!all_agree(&both, 3));
        assert!(!all_agree(&[status(1, "leader", 3, 9), status(2, "follower", 3, 8)], 2));
    }
}
