//! The correct objects behind the clients.

use std::collections::VecDeque;

use crate::check::ModelKind;
use crate::history::{Action, Answer};
use crate::objects::integer;
use crate::value::Value;

/// One object's state.
pub(super) enum Object {
    Register(Value),
    Counter(i64),
    Set(Vec<Value>),
    Queue(VecDeque<Value>),
}

impl Object {
    pub(super) fn new(model: ModelKind, initial: &Value) -> Object {
        match model {
            ModelKind::Register | ModelKind::CasRegister | ModelKind::Map => {
                Object::Register(initial.clone())
            }
            ModelKind::Counter => Object::Counter(integer(initial).unwrap_or(0)),
            ModelKind::Set => Object::Set(Vec::new()),
            ModelKind::Queue => Object::Queue(VecDeque::new()),
        }
    }

    /// What a register holds; null for the others.
    pub(super) fn value(&self) -> Value {
        match self {
            Object::Register(value) => value.clone(),
            _ => Value::Null,
        }
    }

    /// Carries an action out and returns its answer. What the object does not have is done without effect.
    pub(super) fn apply(&mut self, action: &Action) -> Answer {
        match (self, action) {
            (Object::Register(state), Action::Read) => return Answer::Read(state.clone()),
            (Object::Register(state), Action::Write(value)) => *state = value.clone(),
            (Object::Register(state), Action::Cas { from, to }) if state == from => {
                *state = to.clone();
                return Answer::Swapped;
            }
            (Object::Register(state), Action::Cas { .. }) => {
                return Answer::NotSwapped { seen: Some(state.clone()) };
            }
            (Object::Counter(count), Action::Add(amount)) => *count += integer(amount).unwrap_or(0),
            (Object::Counter(count), Action::Read) => return Answer::Read(Value::from(*count)),
            (Object::Set(elements), Action::Add(value)) if !elements.contains(value) => {
                elements.push(value.clone());
            }
            (Object::Set(elements), Action::Remove(value)) => elements.retain(|element| element != value),
            (Object::Set(elements), Action::Read) => return Answer::Elements(elements.clone()),
            (Object::Queue(elements), Action::Enqueue(value)) => elements.push_back(value.clone()),
            (Object::Queue(elements), Action::Dequeue) => {
                return Answer::Read(elements.pop_front().unwrap_or_default());
            }
            _ => {}
        }
        Answer::Done
    }
}
