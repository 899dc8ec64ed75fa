//! The register under crashes, partitions and a bad network, in one process.

use std::time::Duration;

use lab::checked::{Plan, run};
use lab::runner::any_seed;
use raft::transport::InProcess;

#[tokio::test]
async fn a_register_under_faults_is_linearizable() {
    let plan = Plan { nodes: 5, clients: 6, faults: Duration::from_secs(15), seed: any_seed() };
    let summary = run::<InProcess>(plan).await.unwrap();
    println!("{} known, {} unknown, {:?}", summary.completed, summary.unknown, summary.disturbance);
}
