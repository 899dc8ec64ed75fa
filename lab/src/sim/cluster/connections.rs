//! Between clients and nodes: connections that take a while, keep their order, and end when either side does.

use std::collections::BTreeMap;
use std::time::Duration;

use raft::consensus::io::{Refusal, Ticket};
use raft::pump::Told;
use raft::server::Reply;
use raft::{NodeId, Timestamp};

use super::Said;
use crate::carrier::seat_of;
use crate::sim::clients::client::{Answer, Ask, ClientAction, ClientEvent};
use crate::sim::clients::workload::Workload;
use crate::sim::random::{Random, Stream};
use crate::sim::world::{Own, World};

/// A request on its way.
#[derive(Clone)]
pub(in crate::sim) struct ToNode {
    client: usize,
    node: usize,
    connection: u64,
    tag: u64,
    ask: Ask,
}

/// See the module.
#[derive(Clone)]
pub(in crate::sim) struct Connections {
    random: Random,
    /// By client and node: the number of the connection, if there is one, and when what was sent last arrives,
    /// to the node and from it.
    open: BTreeMap<(usize, usize), Connection>,
    /// Who waits for an answer, by node, life and ticket.
    waiting: BTreeMap<(usize, u64, Ticket), (usize, u64, u64)>,
    made: u64,
    sent: u64,
}

#[derive(Clone, Copy)]
struct Connection {
    number: u64,
    last: [Timestamp; 2],
}

const DELAY: Stream = Stream::named("client.delay");
/// The delay of a message between a client and a node, in nanoseconds.
const DELAYS: (u64, u64) = (50_000, 2_000_000);
/// What nobody answers takes so long to be noticed.
const TIMEOUT: Duration = Duration::from_millis(100);

impl Connections {
    pub(in crate::sim) fn new(random: Random) -> Connections {
        Connections { random, open: BTreeMap::new(), waiting: BTreeMap::new(), made: 0, sent: 0 }
    }

    /// Whether an event of a connection still means anything to its client; one of none always does.
    pub(in crate::sim) fn is_current(&self, client: usize, connection: Option<(usize, u64)>) -> bool {
        connection.is_none_or(|(node, number)| {
            self.open.get(&(client, node)).is_some_and(|open| open.number == number)
        })
    }

    fn delay(&mut self, client: usize) -> Duration {
        self.sent += 1;
        Duration::from_nanos(self.random.between(DELAY, client as u64, self.sent, DELAYS))
    }

    /// When something sent now arrives: not before what was sent earlier.
    fn arrival(
        &mut self,
        now: Timestamp,
        client: usize,
        node: usize,
        way: usize,
    ) -> Option<(Timestamp, u64)> {
        let at = now + self.delay(client);
        let open = self.open.get_mut(&(client, node))?;
        open.last[way] = open.last[way].max(at);
        Some((open.last[way], open.number))
    }
}

impl<W: Workload> World<W> {
    pub(in crate::sim) fn carry_out(&mut self, client: usize, action: ClientAction) {
        match action {
            ClientAction::Dial(node) => self.dial(client, node),
            ClientAction::HangUp(node) => {
                self.connections.open.remove(&(client, node));
                self.tell_client(client, None, Duration::ZERO, ClientEvent::Disconnected(node));
            }
            ClientAction::Send { node, tag, ask } => {
                let now = self.cluster.now();
                match self.connections.arrival(now, client, node, 0) {
                    Some((at, connection)) => {
                        let request = ToNode { client, node, connection, tag, ask };
                        self.cluster.plan_at(at, Own::Node(request));
                    }
                    None => self.tell_client(client, None, Duration::ZERO, ClientEvent::Disconnected(node)),
                }
            }
        }
    }

    fn dial(&mut self, client: usize, node: usize) {
        let delay = self.connections.delay(client);
        let member = self.cluster.node(node);
        if member.running().is_none() || member.paused {
            let wait = if member.paused { TIMEOUT } else { delay };
            return self.tell_client(client, None, wait, ClientEvent::DialFailed(node));
        }
        self.connections.made += 1;
        let connection = Connection { number: self.connections.made, last: [self.cluster.now() + delay; 2] };
        self.connections.open.insert((client, node), connection);
        self.tell_client(client, Some((node, connection.number)), delay, ClientEvent::Connected(node));
    }

    fn tell_client(
        &mut self,
        client: usize,
        connection: Option<(usize, u64)>,
        after: Duration,
        event: ClientEvent,
    ) {
        self.cluster.plan(after, Own::Client { client, connection, event });
    }

    /// A request has arrived.
    pub(in crate::sim) fn ask(&mut self, request: ToNode) {
        let ToNode { client, node, connection, tag, ask } = request;
        if !self.connections.is_current(client, Some((node, connection))) {
            return;
        }
        if self.cluster.node(node).paused {
            let request = ToNode { client, node, connection, tag, ask };
            return self.cluster.put_off(node, Own::Node(request));
        }
        if let Some((life, ticket)) = self.cluster.ask(node, ask) {
            self.connections.waiting.insert((node, life, ticket), (client, connection, tag));
        }
    }

    /// A node has said something.
    pub(in crate::sim) fn answer(&mut self, said: Said) {
        let Said { node, life, ticket, told: Told::Reply(reply) } = said else { return };
        let Some((client, connection, tag)) = self.connections.waiting.remove(&(node, life, ticket)) else {
            return;
        };
        let leader = match &reply {
            Reply::Refused(Refusal::NotLeader { leader }) => leader.map(|leader: NodeId| seat_of(leader)),
            _ => None,
        };
        if !self.connections.is_current(client, Some((node, connection))) {
            return;
        }
        let now = self.cluster.now();
        if let Some((at, number)) = self.connections.arrival(now, client, node, 1) {
            let event = ClientEvent::Answered { node, tag, answer: Answer { reply, leader } };
            self.cluster.plan_at(at, Own::Client { client, connection: Some((node, number)), event });
        }
    }

    /// A node is gone, and so are its connections.
    pub(in crate::sim) fn hang_up(&mut self, node: usize) {
        let ended: Vec<usize> =
            self.connections.open.keys().filter(|(_, to)| *to == node).map(|(client, _)| *client).collect();
        for client in ended {
            self.connections.open.remove(&(client, node));
            let delay = self.connections.delay(client);
            self.tell_client(client, None, delay, ClientEvent::Disconnected(node));
        }
        self.connections.waiting.retain(|(of, ..), _| *of != node);
    }
}
