//! What a node says of itself to a client. Encoded with postcard on the wire and as JSON for people
//! and programs; postcard is positional, so that a changed struct needs a new kind of response.

use serde::{Deserialize, Serialize};

/// A node's view of itself and its cluster at one moment, and what it has counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The cluster's name.
    pub cluster: String,
    /// The node's id.
    pub node: u64,
    /// The life of its data directory, in hexadecimal.
    pub incarnation: String,
    /// This start of its process, in hexadecimal.
    pub boot: String,
    /// `leader`, `follower`, `candidate` or `pre-candidate`.
    pub role: String,
    /// Its current term.
    pub term: u64,
    /// The leader of that term, if it knows one.
    pub leader: Option<u64>,
    /// The last index that its newest snapshot takes in; 0 if there is none.
    pub snapshot_index: u64,
    /// The first index of its log.
    pub first_log_index: u64,
    /// The last index of its log.
    pub last_log_index: u64,
    /// Up to where its log is durable.
    pub durable_index: u64,
    /// Up to where it knows entries to be committed.
    pub commit_index: u64,
    /// Up to where its state machine is.
    pub last_applied: u64,
    /// The voters; empty while the cluster is not bootstrapped.
    pub voters: Vec<u64>,
    /// Client sessions alive.
    pub sessions: u64,
    /// Its disk.
    pub disk: Disk,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// Counts of the protocol.
    pub counters: Counters,
    /// Frames that it sent to its peers, by kind.
    pub wire: Vec<KindTraffic>,
    /// Bytes on the wire between it and its peers, with everything that QUIC and TLS add.
    pub peer_port: PortTraffic,
    /// Its client port.
    pub client_port: ClientPort,
}

/// How a node's disk does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// `ok`; `repairing`: entries were lost and come again from the leader, meanwhile the node does not lead;
    /// `full`: there is no room for more of the log; `slow`: a write takes longer than several election timeouts.
    /// In all of these but the first the node votes, and leads nobody. `rotten`: a part of the log is no more what
    /// was written, and goes with the next snapshot.
    pub state: String,
    /// Microseconds from a write to the end of its sync, smoothed over some dozen.
    pub sync_us: u64,
    /// The longest since the node started.
    pub sync_max_us: u64,
    /// Segments of the log, with the one made ahead.
    pub segments: u64,
}

/// Counts since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Proposals that entered its log while it led.
    pub proposals_accepted: u64,
    /// Proposals and reads that it refused.
    pub refused: u64,
    /// Linearizable reads that it answered.
    pub reads: u64,
    /// Entries applied.
    pub applied: u64,
    /// Times that it became leader.
    pub elections_won: u64,
    /// Messages that no correct peer sends.
    pub alarms: u64,
    /// Writes to the log, each with one sync.
    pub syncs: u64,
}

/// What was sent of one kind of message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindTraffic {
    /// The message's name.
    pub kind: String,
    /// Whether it is a request (an RPC) or a reply.
    pub request: bool,
    /// How many.
    pub frames: u64,
    /// Their bytes as encoded, without what QUIC adds.
    pub bytes: u64,
}

/// Bytes of UDP payload, and the packets they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortTraffic {
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
}

/// What happened on the client port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPort {
    /// Connections open now.
    pub connections: u64,
    /// Requests taken.
    pub requests: u64,
    /// Connections refused or closed, by reason.
    pub refused: Vec<(String, u64)>,
}

impl NodeStatus {
    /// Requests that it sent to its peers (replies not counted).
    #[must_use]
    pub fn rpcs_sent(&self) -> u64 {
        self.wire.iter().filter(|k| k.request).map(|k| k.frames).sum()
    }

    /// Encoded bytes that it sent to its peers, requests and replies.
    #[must_use]
    pub fn encoded_bytes_sent(&self) -> u64 {
        self.wire.iter().map(|k| k.bytes).sum()
    }
}
