//! Of what, by which command and where a run was made: whoever starts it tells, for a program cannot know its own
//! commit.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// With a `+` behind it if there were changes that it lacks.
    pub commit: String,
    /// Of the commit.
    pub date: String,
    /// What repeats the run.
    pub command: String,
    /// Processor, cores, and what else kept it busy.
    pub machine: String,
}

impl Origin {
    /// The environment variable in which `cargo xtask` tells it, as JSON.
    pub const VARIABLE: &str = "RUN_ORIGIN";

    /// What was told, if anything was.
    #[must_use]
    pub fn told() -> Option<Origin> {
        serde_json::from_str(&std::env::var(Origin::VARIABLE).ok()?).ok()
    }
}
