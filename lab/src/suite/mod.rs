//! The lab tests 4A and 4B: their bodies, written once over [`World`], and the table of them.
//!
//! | file | tests |
//! |---|---|
//! | `election` | initial election, election after network failure |
//! | `agreement` | basic, with a follower away, without a quorum, concurrent |
//! | `counts` | bytes and RPCs that agreement may cost |
//! | `divergence` | logs that nobody shares: rejoin, backing up |
//! | `persistence` | crashes and restarts |
//! | `figure8` | the paper's Figure 8, by crashes and over a bad network |
//! | `churn` | many clients over a bad network and under churn |

mod agreement;
mod churn;
mod counts;
mod divergence;
mod election;
mod figure8;
mod persistence;

use std::time::Duration;

use crate::lab::Lab;
use crate::world::{Verdict, World};

/// What a single test may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Which part of the lab a test belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Leader election.
    A,
    /// Log replication and persistence.
    B,
}

impl Part {
    /// As the rows name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::A => "4A",
            Part::B => "4B",
        }
    }
}

/// What a run cost: ours, or the course's reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Seconds on the world's clock.
    pub seconds: f64,
    /// RPC requests.
    pub rpcs: u64,
    /// Encoded bytes of requests and replies.
    pub bytes: u64,
    /// Commands committed.
    pub commits: u64,
}

impl Cost {
    /// What a world has cost so far.
    #[must_use]
    pub fn of(world: &impl World) -> Cost {
        let traffic = world.traffic();
        Cost {
            seconds: world.now().as_secs_f64(),
            rpcs: traffic.requests,
            bytes: traffic.bytes,
            commits: world.observe(|ledger| ledger.len() as u64),
        }
    }
}

/// One test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// Its part.
    pub part: Part,
    /// Its name in the rows.
    pub name: &'static str,
    /// Nodes.
    pub peers: usize,
    /// Whether it begins on an unreliable network.
    pub unreliable: bool,
    /// What one run of the course's Go implementation took.
    pub reference: Cost,
    body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    InitialElection,
    NetworkFailure,
    BasicAgreement,
    ByteCount,
    FollowerDisconnection,
    NoQuorum,
    ConcurrentStarts,
    Rejoin,
    BackUp,
    RpcCounts,
    Persistence,
    MorePersistence,
    PartitionedLeader,
    Figure8,
    UnreliableAgreement,
    Figure8Unreliable,
    Churn,
}

impl Test {
    /// What the test draws from under a run's seed: each from a seed of its own, whichever others run with
    /// it (FNV-1a over its name).
    #[must_use]
    pub fn seed(&self, run_seed: u64) -> u64 {
        self.name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ run_seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// Runs the body in a fresh world of [`Test::peers`] nodes. Safety is checked at the end too.
    pub async fn run<W: World>(&self, lab: &Lab<W>) -> Verdict {
        lab.world.set_unreliable(self.unreliable);
        match self.body {
            Body::InitialElection => election::initial(lab).await,
            Body::NetworkFailure => election::after_network_failure(lab).await,
            Body::BasicAgreement => agreement::basic(lab).await,
            Body::ByteCount => counts::bytes(lab).await,
            Body::FollowerDisconnection => agreement::despite_disconnection(lab).await,
            Body::NoQuorum => agreement::no_quorum(lab).await,
            Body::ConcurrentStarts => agreement::concurrent(lab).await,
            Body::Rejoin => divergence::rejoin(lab).await,
            Body::BackUp => divergence::backs_up_quickly(lab).await,
            Body::RpcCounts => counts::rpcs(lab).await,
            Body::Persistence => persistence::basic(lab).await,
            Body::MorePersistence => persistence::more(lab).await,
            Body::PartitionedLeader => persistence::partitioned_leader(lab).await,
            Body::Figure8 => figure8::crashes(lab).await,
            Body::UnreliableAgreement => churn::unreliable_agreement(lab).await,
            Body::Figure8Unreliable => figure8::unreliable(lab).await,
            Body::Churn => churn::churn(lab).await,
        }?;
        lab.check_safety()
    }
}

const fn test(part: Part, name: &'static str, peers: usize, body: Body, cost: (f64, u64, u64, u64)) -> Test {
    let (seconds, rpcs, bytes, commits) = cost;
    Test { part, name, peers, unreliable: false, reference: Cost { seconds, rpcs, bytes, commits }, body }
}

const fn unreliable(test: Test) -> Test {
    Test { unreliable: true, ..test }
}

/// Every test, in the order of the rows.
pub const TESTS: [Test; 18] = {
    use Body as B;
    use Part::{A as A4, B as B4};
    [
        test(A4, "initial election", 3, B::InitialElection, (4.0, 32, 9170, 0)),
        test(A4, "election after network failure", 3, B::NetworkFailure, (6.1, 70, 13_895, 0)),
        test(B4, "basic agreement", 3, B::BasicAgreement, (1.6, 18, 5158, 3)),
        test(B4, "RPC byte count", 3, B::ByteCount, (3.3, 50, 115_122, 11)),
        test(
            B4,
            "agreement despite follower disconnection",
            3,
            B::FollowerDisconnection,
            (6.3, 64, 17_489, 7),
        ),
        test(B4, "no agreement if too many followers disconnect", 5, B::NoQuorum, (4.9, 116, 27_838, 3)),
        test(B4, "concurrent Start()s", 3, B::ConcurrentStarts, (2.1, 16, 4648, 6)),
        test(B4, "rejoin of partitioned leader", 3, B::Rejoin, (8.1, 111, 26_996, 4)),
        test(
            B4,
            "leader backs up quickly over incorrect follower logs",
            5,
            B::BackUp,
            (28.6, 1342, 953_354, 102),
        ),
        test(B4, "RPC counts aren't too high", 3, B::RpcCounts, (3.4, 30, 9050, 12)),
        test(B4, "basic persistence", 3, B::Persistence, (7.2, 206, 42_208, 6)),
        test(B4, "more persistence", 5, B::MorePersistence, (23.2, 1194, 198_270, 16)),
        test(
            B4,
            "partitioned leader and one follower crash, leader restarts",
            3,
            B::PartitionedLeader,
            (3.2, 46, 10_638, 4),
        ),
        test(B4, "Figure 8", 5, B::Figure8, (35.1, 9395, 1_939_183, 25)),
        unreliable(test(B4, "unreliable agreement", 5, B::UnreliableAgreement, (4.2, 244, 85_259, 246))),
        unreliable(test(B4, "Figure 8 (unreliable)", 5, B::Figure8Unreliable, (36.3, 1948, 4_175_577, 216))),
        test(B4, "churn", 5, B::Churn, (16.6, 4402, 2_220_926, 1766)),
        unreliable(test(B4, "unreliable churn", 5, B::Churn, (16.5, 781, 539_084, 221))),
    ]
};
