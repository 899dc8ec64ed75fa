//! The register as a workload: its state machine, the real client's core, a linearizable history.

use register::machine::Register;

use super::history::RegisterHistory;
use super::load::Load;
use super::register_client::RegisterClient;
use super::workload::{Summary, Workload};
use crate::sim::random::Random;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct RegisterWorkload {
    /// What its clients do.
    pub load: Load,
}

impl Workload for RegisterWorkload {
    type Machine = Register;
    type Record = RegisterHistory;
    type Client = RegisterClient;

    fn machine(&self) -> Register {
        Register::new()
    }

    fn client(&self, number: usize, nodes: usize, random: Random) -> RegisterClient {
        RegisterClient::new(number, nodes, random, self.load.clone())
    }

    fn check(&self, record: &RegisterHistory) -> Result<(), String> {
        record.check()
    }

    fn judge(&self, record: &RegisterHistory) -> Result<Summary, String> {
        record.judge()
    }
}
