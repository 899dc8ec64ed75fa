//! One line of JSON to one event, with everything checked that a line alone can show.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{faults, quick};
use crate::format::{Completion, End, Event, LineError, encoding, kind_of};
use crate::history::{Action, Answer, FaultEdge, OpKind as Op};
use crate::value::{Key, ScalarVisitor, Value};

/// What a line says.
///
/// # Errors
/// It is not one of the format's.
pub fn parse(text: &[u8]) -> Result<Event, LineError> {
    parse_with(text, &mut Keys::default())
}

/// [`parse`], with keys that are shared with earlier lines.
pub(super) fn parse_with(text: &[u8], keys: &mut Keys) -> Result<Event, LineError> {
    match quick::scan(text) {
        Some(raw) => operation(raw, keys),
        None => general(text, keys),
    }
}

/// Without the quick way.
#[cfg(test)]
pub(super) fn parse_slowly(text: &[u8]) -> Result<Event, LineError> {
    general(text, &mut Keys::default())
}

fn general(text: &[u8], keys: &mut Keys) -> Result<Event, LineError> {
    let line = text.trim_ascii_end();
    let object = encoding::text(line)?.trim_ascii_start();
    if !object.starts_with(b"{") {
        return Err(faults::no_object(object));
    }
    let raw: Raw<'_> = serde_json::from_slice(object).map_err(|error| {
        let (before, ended) = (line.len() - object.len(), text.ends_with(b"\n"));
        faults::explain(object, &error, before, ended)
    })?;
    match raw.fault {
        Some(_) => fault(raw),
        None => operation(raw, keys),
    }
}

/// Names of keys that were seen of late, so that most lines allocate none.
#[derive(Default)]
pub(super) struct Keys {
    slots: Vec<Option<Key>>,
}

impl Keys {
    const SLOTS: usize = 256;

    fn key(&mut self, name: &str) -> Key {
        if self.slots.is_empty() {
            self.slots.resize(Keys::SLOTS, None);
        }
        let hash =
            name.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let Some(slot) = self.slots.get_mut(hash % Keys::SLOTS) else { return Key::from(name) };
        match slot {
            Some(key) if key.as_str() == name => key.clone(),
            _ => slot.insert(Key::from(name)).clone(),
        }
    }
}

/// Every field that any line may have. An explicit null is told from an absent field where that matters.
#[derive(Default, Deserialize)]
pub(super) struct Raw<'a> {
    #[serde(default, borrow)]
    pub(super) fault: Option<Cow<'a, str>>,
    pub(super) process: Option<u64>,
    #[serde(default, borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) op: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) key: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) value: Option<Payload>,
    pub(super) swapped: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    pub(super) seen: Option<Value>,
    pub(super) version: Option<u64>,
    pub(super) time: Option<u64>,
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

fn operation(raw: Raw<'_>, keys: &mut Keys) -> Result<Event, LineError> {
    let kind = raw.kind.as_deref().ok_or(LineError::Missing("kind"))?;
    let op = kind_of(raw.op.as_deref().ok_or(LineError::Missing("op"))?)?;
    let process = raw.process.ok_or(LineError::Missing("process"))?;
    let time = raw.time.ok_or(LineError::Missing("time"))?;
    let key = raw.key.as_deref().map(|name| keys.key(name));
    let end = match kind {
        "invoke" => return Ok(Event::Invoke { process, key, action: op.action(raw.value)?, time }),
        "ok" => ok(op, raw)?,
        "fail" => End::Fail,
        "info" => End::Info,
        kind => return Err(unknown_kind(kind, "invoke, ok, fail or info")),
    };
    Ok(Event::Complete(Completion { process, op, key, end, time }))
}

/// What an `ok` says: the value is the answer of a read or a dequeue, and repeats what others asked.
fn ok(op: Op, raw: Raw<'_>) -> Result<End, LineError> {
    let Raw { value, version, swapped, seen, .. } = raw;
    let answer = match (op, value) {
        (Op::Read | Op::Dequeue, Some(Payload::Scalar(value))) => Answer::Read(value),
        (Op::Read, Some(Payload::List(values))) => Answer::Elements(values),
        (Op::Read, Some(Payload::Pair(values))) => Answer::Elements(values.into()),
        (Op::Read, None) => return Err(wrong_value("read", "a scalar, or an array of them")),
        (Op::Dequeue, _) => return Err(wrong_value("dequeue", "a scalar")),
        (op, value) => {
            let given = value.filter(|value| !matches!(value, Payload::Scalar(Value::Null)));
            let repeated = given.map(|value| op.action(Some(value))).transpose()?;
            let answer = match op {
                Op::Cas if swapped == Some(false) => Answer::NotSwapped { seen },
                Op::Cas => Answer::Swapped,
                _ => Answer::Done,
            };
            return Ok(End::Ok { answer, repeated, version });
        }
    };
    Ok(End::Ok { answer, repeated: None, version })
}

impl Op {
    fn action(self, value: Option<Payload>) -> Result<Action, LineError> {
        match (self, value) {
            (Op::Read, None | Some(Payload::Scalar(Value::Null))) => Ok(Action::Read),
            (Op::Read, Some(_)) => Err(wrong_value("read's invocation", "null")),
            (Op::Dequeue, None | Some(Payload::Scalar(Value::Null))) => Ok(Action::Dequeue),
            (Op::Dequeue, Some(_)) => Err(wrong_value("dequeue's invocation", "null")),
            (Op::Cas, Some(Payload::Pair([from, to]))) => Ok(Action::Cas { from, to }),
            (Op::Cas, Some(Payload::List(pair))) => match <[Value; 2]>::try_from(pair) {
                Ok([from, to]) => Ok(Action::Cas { from, to }),
                Err(_) => Err(wrong_value("cas", "a pair [from,to] of scalars")),
            },
            (Op::Cas, _) => Err(wrong_value("cas", "a pair [from,to] of scalars")),
            (Op::Write, Some(Payload::Scalar(value))) => Ok(Action::Write(value)),
            (Op::Add, Some(Payload::Scalar(value))) => Ok(Action::Add(value)),
            (Op::Remove, Some(Payload::Scalar(value))) => Ok(Action::Remove(value)),
            (Op::Enqueue, Some(Payload::Scalar(value))) => Ok(Action::Enqueue(value)),
            (op, _) => Err(wrong_value(op.name(), "a scalar")),
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
pub(super) enum Payload {
    Scalar(Value),
    /// A list of two, where it was read without allocating one.
    Pair([Value; 2]),
    List(Vec<Value>),
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
        f.write_str("a JSON scalar or an array of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Payload, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Payload::List(values))
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
