//! todc-utils' `WGLChecker`: Wing and Gong's search with Lowe's cache.

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::{Content, Event, Operation};

struct Register;

impl Specification for Register {
    type State = Content;
    type Operation = Operation;

    fn init() -> Content {
        None
    }

    fn apply(operation: &Operation, state: &Content) -> (bool, Content) {
        match operation {
            Operation::Read(value) => (value == state, *state),
            Operation::Write(value) => (true, *value),
        }
    }
}

pub fn verdict(events: &[Event]) -> bool {
    let action = |event: &Event| {
        let action = if event.returns { Action::Response } else { Action::Call };
        (event.client, action(event.operation))
    };
    WGLChecker::<Register>::is_linearizable(History::from_actions(events.iter().map(action).collect()))
}
