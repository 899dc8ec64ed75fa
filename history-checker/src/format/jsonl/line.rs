//! One line of JSON to one event, with everything checked that a line alone can show.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::format::LineError;
use crate::history::{Action, Answer, FaultEdge};
use crate::value::{Key, ScalarVisitor, Value};

pub(super) enum Event {
    Invoke { process: u64, key: Option<Key>, action: Action, time: u64 },
    Complete(Completion),
    Fault { name: String, edge: FaultEdge, time: u64 },
}

pub(super) struct Completion {
    pub(super) process: u64,
    pub(super) op: &'static str,
    pub(super) key: Option<Key>,
    pub(super) end: End,
    pub(super) time: u64,
}

pub(super) enum End {
    Ok {
        answer: Answer,
        /// What was asked, where the answer says it again.
        repeated: Option<Action>,
        version: Option<u64>,
    },
    Fail,
    Info,
}

pub(super) fn op_name(action: &Action) -> &'static str {
    match action {
        Action::Read => "read",
        Action::Write(_) => "write",
        Action::Cas { .. } => "cas",
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Event, LineError> {
    let raw: Raw<'_> =
        serde_json::from_slice(text).map_err(|error| LineError::Malformed(error.to_string()))?;
    match raw.fault {
        Some(_) => fault(raw),
        None => operation(raw),
    }
}

/// Every field that any line may have. An explicit null is told from an absent field where that matters.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default, borrow)]
    fault: Option<Cow<'a, str>>,
    process: Option<u64>,
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    op: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Payload>,
    swapped: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    seen: Option<Value>,
    version: Option<u64>,
    time: Option<u64>,
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn fault(raw: Raw<'_>) -> Result<Event, LineError> {
    let edge = match raw.kind.as_deref() {
        Some("begin") => FaultEdge::Begin,
        Some("end") => FaultEdge::End,
        Some(kind) => return Err(unknown_kind(kind, "begin or end")),
        None => return Err(LineError::Missing("kind")),
    };
    let time = raw.time.ok_or(LineError::Missing("time"))?;
    Ok(Event::Fault { name: raw.fault.unwrap_or_default().into_owned(), edge, time })
}

fn operation(raw: Raw<'_>) -> Result<Event, LineError> {
    let kind = raw.kind.ok_or(LineError::Missing("kind"))?;
    let op = Op::parse(&raw.op.ok_or(LineError::Missing("op"))?)?;
    let process = raw.process.ok_or(LineError::Missing("process"))?;
    let time = raw.time.ok_or(LineError::Missing("time"))?;
    let key = raw.key.map(|key| Key::from(&*key));
    let end = match &*kind {
        "invoke" => return Ok(Event::Invoke { process, key, action: op.action(raw.value)?, time }),
        "ok" if op == Op::Read => {
            let Some(Payload::Scalar(value)) = raw.value else { return Err(wrong_value("read", "a scalar")) };
            End::Ok { answer: Answer::Read(value), repeated: None, version: raw.version }
        }
        "ok" => {
            let answer = match op {
                Op::Cas if raw.swapped == Some(false) => Answer::NotSwapped { seen: raw.seen },
                Op::Cas => Answer::Swapped,
                Op::Write | Op::Read => Answer::Written,
            };
            let given = raw.value.filter(|value| !matches!(value, Payload::Scalar(Value::Null)));
            let repeated = given.map(|value| op.action(Some(value))).transpose()?;
            End::Ok { answer, repeated, version: raw.version }
        }
        "fail" => End::Fail,
        "info" => End::Info,
        kind => return Err(unknown_kind(kind, "invoke, ok, fail or info")),
    };
    Ok(Event::Complete(Completion { process, op: op.name(), key, end, time }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Read,
    Write,
    Cas,
}

impl Op {
    fn parse(name: &str) -> Result<Op, LineError> {
        match name {
            "read" => Ok(Op::Read),
            "write" => Ok(Op::Write),
            "cas" => Ok(Op::Cas),
            other => Err(LineError::UnknownOp(other.to_owned())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Op::Read => "read",
            Op::Write => "write",
            Op::Cas => "cas",
        }
    }

    fn action(self, value: Option<Payload>) -> Result<Action, LineError> {
        match (self, value) {
            (Op::Read, None | Some(Payload::Scalar(Value::Null))) => Ok(Action::Read),
            (Op::Read, Some(_)) => Err(wrong_value("read's invocation", "null")),
            (Op::Write, Some(Payload::Scalar(value))) => Ok(Action::Write(value)),
            (Op::Write, _) => Err(wrong_value("write", "a scalar")),
            (Op::Cas, Some(Payload::Pair(from, to))) => Ok(Action::Cas { from, to }),
            (Op::Cas, _) => Err(wrong_value("cas", "a pair [from,to] of scalars")),
        }
    }
}

fn wrong_value(op: &'static str, expected: &'static str) -> LineError {
    LineError::WrongValue { op, expected }
}

fn unknown_kind(kind: &str, expected: &'static str) -> LineError {
    LineError::UnknownKind { kind: kind.to_owned(), expected }
}

/// What `value` may hold.
enum Payload {
    Scalar(Value),
    Pair(Value, Value),
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        deserializer.deserialize_any(PayloadVisitor)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON scalar or a pair of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Payload, A::Error> {
        let from = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let to = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        match seq.next_element::<Value>()? {
            None => Ok(Payload::Pair(from, to)),
            Some(_) => Err(de::Error::invalid_length(3, &self)),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Payload, E> {
        ScalarVisitor.visit_unit().map(Payload::Scalar)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Payload, E> {
        ScalarVisitor.visit_bool(value).map(Payload::Scalar)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Payload, E> {
        ScalarVisitor.visit_i64(value).map(Payload::Scalar)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Payload, E> {
        ScalarVisitor.visit_u64(value).map(Payload::Scalar)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Payload, E> {
        ScalarVisitor.visit_f64(value).map(Payload::Scalar)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Payload, E> {
        ScalarVisitor.visit_str(value).map(Payload::Scalar)
    }
}
