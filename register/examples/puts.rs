//! How many puts a second one client gets through: `puts ENDPOINTS CERTS_DIR CLIENT IN_FLIGHT SECONDS`.
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::path::Path;
use std::time::{Duration, Instant};

use raft::ClusterId;
use register::{Client, ClientCerts, ClientConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [cluster, endpoints, certs, client, in_flight, seconds] = args.as_slice() else {
        return Err("usage: puts CLUSTER ENDPOINTS CERTS_DIR CLIENT IN_FLIGHT SECONDS".into());
    };
    let endpoints = endpoints.split(',').map(str::to_owned).collect();
    let certs = ClientCerts::in_dir(Path::new(certs), client);
    let config = ClientConfig::new(ClusterId::new(cluster.as_str())?, endpoints, certs);
    let (in_flight, seconds): (u64, u64) = (in_flight.parse()?, seconds.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(config, in_flight, Duration::from_secs(seconds)))
}

async fn run(config: ClientConfig, in_flight: u64, time: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let timeout = Duration::from_secs(10);
    let client = Client::connect(config).await?;
    client.put("warm", "up", timeout).await?;
    let start = Instant::now();
    let mut tasks = Vec::new();
    for i in 0..in_flight {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while start.elapsed() < time {
                let before = Instant::now();
                client.put(format!("key-{i}"), vec![b'v'; 64], timeout).await?;
                latencies.push(before.elapsed());
            }
            Ok::<_, register::WriteError>(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let rate = latencies.len() as f64 / start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    let longest = latencies.last().copied().unwrap_or_default();
    println!(
        "{in_flight} in flight: {rate:.0} puts/s, median {:?}, p99 {:?}, longest {longest:?}",
        at(50),
        at(99)
    );
    Ok(())
}
