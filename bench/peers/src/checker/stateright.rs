//! stateright's `LinearizabilityTester`: every order is tried, none is remembered.
//!
//! It calls itself once per operation, with a copy of all that it has.

use std::thread;

use anyhow::{Context, Result, anyhow};
use stateright::semantics::register::{Register, RegisterOp, RegisterRet};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

use super::{Content, Event, Operation};

/// Enough for ten thousand operations.
const STACK: usize = 1 << 30;

pub fn verdict(events: &[Event]) -> Result<bool> {
    let mut tester = LinearizabilityTester::new(Register::<Content>(None));
    for Event { client, operation, returns } in events {
        let told = match (operation, returns) {
            (Operation::Read(_), false) => tester.on_invoke(*client, RegisterOp::Read),
            (Operation::Write(value), false) => tester.on_invoke(*client, RegisterOp::Write(*value)),
            (Operation::Read(value), true) => tester.on_return(*client, RegisterRet::ReadOk(*value)),
            (Operation::Write(_), true) => tester.on_return(*client, RegisterRet::WriteOk),
        };
        told.map_err(|error| anyhow!("stateright takes no such history: {error}"))?;
    }
    let checking = thread::Builder::new().stack_size(STACK).spawn(move || tester.is_consistent());
    checking.context("starting a thread")?.join().map_err(|_| anyhow!("stateright panicked"))
}
