//! The register under crashes, partitions and a bad network, over QUIC with mutual TLS: the history
//! of its clients is linearizable.

mod lab_quic;

use std::time::Duration;

use lab::checked::{Plan, run};
use lab::runner::any_seed;

#[tokio::test]
async fn a_register_over_quic_under_faults_is_linearizable() {
    let plan = Plan { nodes: 5, clients: 6, faults: Duration::from_secs(15), seed: any_seed() };
    let summary = run::<lab_quic::Quic>(plan).await.unwrap();
    println!("{} known, {} unknown, {:?}", summary.completed, summary.unknown, summary.disturbance);
}
