//! `serve`: a node until a signal or its own end.

use std::io::IsTerminal;
use std::path::Path;

use tracing_subscriber::EnvFilter;

use super::Ended;
use crate::service::config::NodeConfig;
use crate::service::exit::Exit;
use crate::service::node::{NodeError, RunningNode};

pub(super) fn serve(config: &Path, log_json: bool) -> Result<Exit, Ended> {
    log_to_stderr(log_json);
    let config = NodeConfig::load(config).map_err(|error| Ended::new(Exit::Usage, error))?;
    // One thread owns the protocol, the connections and the requests: waking another core costs
    // more than it brings.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Ended::new(Exit::Error, error))?;
    runtime.block_on(run(&config)).map_err(|error| Ended::new(error.exit(), error))?;
    Ok(Exit::Done)
}

async fn run(config: &NodeConfig) -> Result<(), NodeError> {
    let node = RunningNode::start(config).await?;
    super::output::line(node.ready_line());
    node.run().await
}

fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
