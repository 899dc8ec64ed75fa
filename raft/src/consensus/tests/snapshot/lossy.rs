//! A whole transfer over a link that loses messages, to a node that loses its file and restarts.

use super::sending::small;
use super::*;

/// Two of three nodes; the file of the snapshot is its offsets' low bytes.
struct Pair {
    leader: Solo,
    follower: Solo,
    rng: fastrand::Rng,
    file: Vec<u8>,
    pieces: usize,
}

const LENGTH: u64 = 1000;

fn content(offset: u64, length: usize) -> Bytes {
    (offset..offset + length as u64).map(|at| at.to_le_bytes()[0]).collect()
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let (snapshot, meta) = snapshot(id(5, 1), LENGTH);
        let hard_state = HardState { current_term: Term(1), voted_for: None };
        let start = Start {
            hard_state,
            base: meta.base,
            membership: Some(meta.membership),
            snapshot: Some(snapshot),
            ..Start::default()
        };
        let config = Config { snapshot_bytes_per_second: Some(10_000), ..small() };
        let mut leader = Solo::start(config, start);
        leader.lead_and_commit();
        let follower = Pair::blank(leader.now);
        Pair { leader, follower, rng: fastrand::Rng::with_seed(seed), file: Vec::new(), pieces: 0 }
    }

    fn blank(now: Timestamp) -> Solo {
        let hard_state = HardState { current_term: Term(1), voted_for: None };
        let start = Start { hard_state, entries: entries(3, &[]), ..Start::default() };
        Solo { raft: Raft::new(N3, Config::lan(), 3, now, start).unwrap(), now }
    }

    fn lost(&mut self) -> bool {
        self.rng.u8(..100) < 20
    }

    /// What a driver does for the leader.
    fn of_leader(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { to: N3, message } if !self.lost() => {
                    let outputs = self.follower.hears(N1, message);
                    self.of_follower(outputs);
                }
                Output::ReadSnapshot { to, snapshot, offset, length } => {
                    self.pieces += 1;
                    let data = Some(content(offset, length)).filter(|_| self.rng.u8(..50) > 0);
                    let chunk = Input::SnapshotChunk { to, snapshot, offset, data };
                    let outputs = self.leader.step(chunk);
                    self.of_leader(outputs);
                }
                _ => {}
            }
        }
    }

    /// What a driver does for the follower.
    fn of_follower(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let input = match output {
                Output::Send { to: N1, message } if !self.lost() => {
                    let outputs = self.leader.hears(N3, message);
                    self.of_leader(outputs);
                    continue;
                }
                Output::Persist(persist) => Input::Persisted(persist.id),
                Output::WriteSnapshot { snapshot, offset, data } => self.write(snapshot, offset, &data),
                _ => continue,
            };
            let outputs = self.follower.step(input);
            self.of_follower(outputs);
        }
    }

    fn write(&mut self, snapshot: SnapshotId, offset: u64, data: &[u8]) -> Input {
        self.file.truncate(if offset == 0 { 0 } else { usize::MAX });
        assert_eq!(self.file.len() as u64, offset, "in order");
        self.file.extend_from_slice(data);
        let end = self.file.len() as u64;
        if end < LENGTH {
            return Input::SnapshotWritten { snapshot, end };
        }
        assert_eq!(self.file, content(0, self.file.len()));
        if self.rng.u8(..3) == 0 {
            return Input::SnapshotFailed { snapshot };
        }
        Input::SnapshotInstalled { id: snapshot, meta: super::super::snapshot(id(5, 1), LENGTH).1 }
    }

    fn turn(&mut self) {
        self.follower.now = self.leader.now;
        let outputs = self.leader.after(10);
        self.of_leader(outputs);
        let outputs = self.leader.beats(N2);
        self.of_leader(outputs);
    }
}

#[test]
fn a_transfer_gets_through_a_bad_link_and_restarts() {
    for seed in 0..100 {
        let mut pair = Pair::new(seed);
        let mut turns = 0;
        while pair.follower.raft.last_log() != pair.leader.raft.last_log() {
            pair.turn();
            turns += 1;
            if turns == 100 {
                pair.follower = Pair::blank(pair.leader.now);
            }
            assert!(turns < 20_000, "seed {seed}: {} pieces of {}", pair.pieces, LENGTH / 10);
        }
        assert!(pair.pieces < 1500, "seed {seed}: {} pieces", pair.pieces);
        assert_eq!(pair.leader.raft.leader(), Some(N1));
    }
}
