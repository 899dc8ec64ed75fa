//! From what the parts of a node count to the [`NodeStatus`] that a client sees.

use std::time::Duration;

use raft::ClusterId;
use raft::consensus::io::RoleName;
use raft::driver::{DiskState, Status};
use raft::wire::{Kind, WireStats};
use transport_quic::StatsSnapshot;

use crate::status::{ClientPort, Counters, Disk, KindTraffic, NodeStatus, PortTraffic};

/// Everything but the client port's own.
pub(super) fn status(
    cluster: &ClusterId,
    status: &Status,
    wire: &WireStats,
    quic: &StatsSnapshot,
    uptime: Duration,
) -> NodeStatus {
    let counters = status.counters;
    NodeStatus {
        cluster: cluster.to_string(),
        node: status.id.0,
        incarnation: status.incarnation.to_string(),
        boot: status.boot.to_string(),
        role: role(status.role).into(),
        term: status.term.0,
        leader: status.leader.map(|leader| leader.0),
        snapshot_index: status.snapshot.map_or(0, |last| last.index.0),
        first_log_index: status.first_index.0,
        last_log_index: status.last_log.index.0,
        durable_index: status.durable_index.0,
        commit_index: status.commit_index.0,
        last_applied: status.last_applied.0,
        voters: status.membership.iter().flat_map(|m| m.voters.keys()).map(|id| id.0).collect(),
        sessions: status.sessions as u64,
        disk: Disk {
            state: disk_state(status.disk.state).into(),
            sync_us: micros(status.disk.sync),
            sync_max_us: micros(status.disk.sync_max),
            segments: status.disk.segments,
        },
        uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
        counters: Counters {
            proposals_accepted: counters.proposals_accepted,
            refused: counters.refused,
            reads: counters.reads,
            applied: counters.applied,
            elections_won: counters.elections_won,
            alarms: counters.alarms,
            syncs: counters.syncs,
        },
        wire: Kind::ALL.iter().map(|kind| traffic(*kind, wire)).collect(),
        peer_port: PortTraffic {
            bytes_sent: quic.bytes_sent,
            bytes_received: quic.bytes_received,
            datagrams_sent: quic.datagrams_sent,
            datagrams_received: quic.datagrams_received,
        },
        client_port: ClientPort::default(),
    }
}

fn traffic(kind: Kind, wire: &WireStats) -> KindTraffic {
    let count = wire.get(kind);
    KindTraffic {
        kind: kind.name().into(),
        request: kind.is_request(),
        frames: count.frames,
        bytes: count.bytes,
    }
}

fn disk_state(state: DiskState) -> &'static str {
    match state {
        DiskState::Ok => "ok",
        DiskState::Repairing => "repairing",
        DiskState::Full => "full",
        DiskState::Slow => "slow",
        DiskState::Rotten => "rotten",
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn role(role: RoleName) -> &'static str {
    match role {
        RoleName::Follower => "follower",
        RoleName::PreCandidate => "pre-candidate",
        RoleName::Candidate => "candidate",
        RoleName::Leader => "leader",
    }
}
