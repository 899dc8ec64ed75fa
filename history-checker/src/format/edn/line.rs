//! One form to one event, with everything checked that a form alone can show.

use std::collections::{BTreeSet, HashMap};

use super::Options;
use super::form::Form;
use crate::format::{Completion, End, Event, LineError, kind_of};
use crate::history::{Action, Answer, FaultEdge, OpKind};
use crate::value::{Key, Value};

/// Processes that have a name instead of a number are numbered from here on, in the order of their appearance.
pub const NAMED: u64 = 1_000_000_000_000_000_000;

/// So many numbers belong to names.
const NAMES: u64 = 1 << 32;

/// Forms to events, with what must be known of the forms before.
pub(super) struct Lines {
    options: Options,
    /// The number of each process that has a name.
    names: HashMap<String, u64>,
    /// The faults in force.
    faults: BTreeSet<String>,
}

/// The entries of a line that mean something. Of several with one key the last counts.
#[derive(Default)]
struct Fields {
    process: Option<Form>,
    kind: Option<Form>,
    f: Option<Form>,
    value: Option<Form>,
    time: Option<Form>,
    key: Option<Form>,
    swapped: Option<Form>,
    seen: Option<Form>,
    empty: Option<Form>,
    version: Option<Form>,
    fault: Option<Form>,
    edge: Option<Form>,
}

impl Lines {
    pub(super) fn new(options: Options) -> Lines {
        Lines { options, names: HashMap::new(), faults: BTreeSet::new() }
    }

    /// What the form says; `None` if it is nothing for a history.
    pub(super) fn event(&mut self, form: Form) -> Result<Option<Event>, LineError> {
        let Form::Map(entries) = form else {
            return Err(LineError::MalformedEdn("an event must be a map".to_owned()));
        };
        let mut fields = Fields::of(entries);
        let time = number(fields.time.take(), "time")?.unwrap_or(0);
        let process = fields.process.take().ok_or(LineError::Missing("process"))?;
        if name(&process) == Some("nemesis") {
            return self.fault(&fields, time);
        }
        let process = self.process(process)?;
        self.operation(process, fields, time).map(Some)
    }

    fn process(&mut self, process: Form) -> Result<u64, LineError> {
        if let Some(name) = name(&process) {
            if let Some(&number) = self.names.get(name) {
                return Ok(number);
            }
            let number = NAMED + self.names.len() as u64;
            self.names.insert(name.to_owned(), number);
            return Ok(number);
        }
        match number(Some(process), "process")? {
            Some(number) if !(NAMED..NAMED + NAMES).contains(&number) => Ok(number),
            _ => Err(wrong("process", "a name, or a number below 10^18")),
        }
    }

    fn fault(&mut self, fields: &Fields, time: u64) -> Result<Option<Event>, LineError> {
        if let (Some(Form::Text(name)), Some(edge)) = (&fields.fault, &fields.edge) {
            let edge = match self::name(edge) {
                Some("begin") => FaultEdge::Begin,
                Some("end") => FaultEdge::End,
                _ => return Err(wrong("edge", ":begin or :end")),
            };
            return Ok(Some(Event::Fault { name: name.clone(), edge, time }));
        }
        let Some(f) = fields.f.as_ref().and_then(name) else { return Err(LineError::Missing("f")) };
        let (name, edge) = match f.split_once('-').unwrap_or((f, "nemesis")) {
            ("start", name) => (name, Some(FaultEdge::Begin)),
            ("stop", name) => (name, Some(FaultEdge::End)),
            _ => (f, None),
        };
        let in_force = self.faults.contains(name);
        let edge = match (edge, in_force) {
            (None | Some(FaultEdge::Begin), false) => FaultEdge::Begin,
            (None | Some(FaultEdge::End), true) => FaultEdge::End,
            // Its second line.
            _ => return Ok(None),
        };
        match edge {
            FaultEdge::Begin => self.faults.insert(name.to_owned()),
            FaultEdge::End => self.faults.remove(name),
        };
        Ok(Some(Event::Fault { name: name.to_owned(), edge, time }))
    }

    fn operation(&self, process: u64, mut fields: Fields, time: u64) -> Result<Event, LineError> {
        let kind = fields.kind.take().ok_or(LineError::Missing("type"))?;
        let kind = name(&kind).ok_or(wrong("type", "a keyword"))?.to_owned();
        let f = fields.f.take().ok_or(LineError::Missing("f"))?;
        let op = kind_of(name(&f).ok_or(wrong("f", "a keyword"))?)?;
        let key = self.split_key(&mut fields)?;
        let end = match kind.as_str() {
            "invoke" => {
                let action = action(op, fields.value)?;
                return Ok(Event::Invoke { process, key, action, time });
            }
            "ok" => ok(op, fields)?,
            "fail" if op == OpKind::Cas && fields.swapped == Some(Form::Bool(false)) => ok(op, fields)?,
            "fail" => End::Fail,
            "info" => End::Info,
            other => {
                let expected = ":invoke, :ok, :fail or :info";
                return Err(LineError::UnknownKind { kind: format!(":{other}"), expected });
            }
        };
        Ok(Event::Complete(Completion { process, op, key, end, time }))
    }

    /// Takes the key out of a value that is a pair. An answer that is lost may have lost its key too.
    fn split_key(&self, fields: &mut Fields) -> Result<Option<Key>, LineError> {
        let (pair, tuple) = match fields.value.take() {
            Some(Form::Tuple(pair)) => (Some(*pair), true),
            value => (value, false),
        };
        if !tuple && !self.options.keyed && fields.key.is_none() {
            fields.value = pair;
            return Ok(None);
        }
        let named = fields.key.take().map(key).transpose()?;
        let pair = match pair {
            Some(Form::List(pair)) => <[Form; 2]>::try_from(pair).ok(),
            None | Some(Form::Nil) => return Ok(named),
            Some(_) => None,
        };
        let [first, value] = pair.ok_or(wrong("value", "a pair [key value]"))?;
        let first = key(first)?;
        if named.is_some_and(|named| named != first) {
            return Err(wrong("key", "the first of the pair in `value`"));
        }
        fields.value = Some(value);
        Ok(Some(first))
    }
}

impl Fields {
    fn of(entries: Vec<(Form, Form)>) -> Fields {
        let mut fields = Fields::default();
        for (key, value) in entries {
            let Form::Keyword(key) = key else { continue };
            let field = match key.as_str() {
                "process" => &mut fields.process,
                "type" => &mut fields.kind,
                "f" => &mut fields.f,
                "value" => &mut fields.value,
                "time" => &mut fields.time,
                "key" => &mut fields.key,
                "swapped" => &mut fields.swapped,
                "seen" => &mut fields.seen,
                "empty" => &mut fields.empty,
                "version" => &mut fields.version,
                "fault" => &mut fields.fault,
                "edge" => &mut fields.edge,
                _ => continue,
            };
            *field = Some(value);
        }
        fields
    }
}

/// What an `ok` says.
fn ok(op: OpKind, fields: Fields) -> Result<End, LineError> {
    let Fields { value, seen, swapped, empty, version, .. } = fields;
    let version = number(version, "version")?;
    let value = value.unwrap_or(Form::Nil);
    let answer = match (op, value) {
        // It had no effect in any case, and there is nothing that it would have to agree with.
        (OpKind::Read, Form::Nil) if empty != Some(Form::Bool(true)) => return Ok(End::Fail),
        (OpKind::Read, Form::List(values)) => {
            let values: Result<Vec<Value>, LineError> = values
                .into_iter()
                .map(|form| scalar(form, OpKind::Read, "a scalar, or a list of them"))
                .collect();
            Answer::Elements(values?)
        }
        (OpKind::Read, value) => Answer::Read(scalar(value, OpKind::Read, "a scalar, or a list of them")?),
        (OpKind::Dequeue, value) => Answer::Read(scalar(value, OpKind::Dequeue, "a scalar")?),
        (op, value) => {
            let repeated = (value != Form::Nil).then(|| action(op, Some(value))).transpose()?;
            let answer = match (op, swapped) {
                (OpKind::Cas, Some(Form::Bool(false))) => Answer::NotSwapped {
                    seen: seen.map(|form| scalar(form, OpKind::Cas, "a scalar")).transpose()?,
                },
                (OpKind::Cas, _) => Answer::Swapped,
                _ => Answer::Done,
            };
            return Ok(End::Ok { answer, repeated, version });
        }
    };
    Ok(End::Ok { answer, repeated: None, version })
}

const UNKEYED: &str = "a scalar (pairs [key value] are read as such with --keyed)";
const UNKEYED_PAIR: &str = "a pair [from to] of scalars (pairs [key value] are read as such with --keyed)";

/// What an invocation asks.
fn action(op: OpKind, value: Option<Form>) -> Result<Action, LineError> {
    let one = |value: Option<Form>| match value {
        Some(Form::List(pair)) if pair.len() == 2 => {
            Err(LineError::WrongValue { op: op.name(), expected: UNKEYED })
        }
        Some(form) => scalar(form, op, "a scalar"),
        None => Err(LineError::WrongValue { op: op.name(), expected: "a scalar" }),
    };
    Ok(match op {
        OpKind::Read => Action::Read,
        OpKind::Dequeue => Action::Dequeue,
        OpKind::Write => Action::Write(one(value)?),
        OpKind::Add => Action::Add(one(value)?),
        OpKind::Remove => Action::Remove(one(value)?),
        OpKind::Enqueue => Action::Enqueue(one(value)?),
        OpKind::Cas => {
            let expected = "a pair [from to] of scalars";
            let pair = match value {
                Some(Form::List(pair)) => <[Form; 2]>::try_from(pair).ok(),
                _ => None,
            };
            if let Some([_, Form::List(_)]) = pair {
                return Err(LineError::WrongValue { op: op.name(), expected: UNKEYED_PAIR });
            }
            let [from, to] = pair.ok_or(LineError::WrongValue { op: op.name(), expected })?;
            Action::Cas { from: scalar(from, op, expected)?, to: scalar(to, op, expected)? }
        }
    })
}

fn scalar(form: Form, op: OpKind, expected: &'static str) -> Result<Value, LineError> {
    Ok(match form {
        Form::Nil => Value::Null,
        Form::Bool(value) => Value::Bool(value),
        Form::Number(number) => Value::Number(crate::value::Number::of_json(number)),
        Form::Text(text) | Form::Symbol(text) => text.into(),
        Form::Keyword(name) => format!(":{name}").into(),
        Form::List(_) | Form::Map(_) | Form::Tuple(_) => {
            return Err(LineError::WrongValue { op: op.name(), expected });
        }
    })
}

fn key(form: Form) -> Result<Key, LineError> {
    Ok(match form {
        Form::Text(text) | Form::Symbol(text) => text.into(),
        Form::Keyword(name) => format!(":{name}").into(),
        Form::Number(number) => number.to_string().into(),
        Form::Bool(value) => value.to_string().into(),
        Form::Nil | Form::List(_) | Form::Map(_) | Form::Tuple(_) => return Err(wrong("key", "a scalar")),
    })
}

/// The name that a keyword, symbol or string is.
fn name(form: &Form) -> Option<&str> {
    match form {
        Form::Keyword(name) | Form::Symbol(name) | Form::Text(name) => Some(name),
        _ => None,
    }
}

fn number(form: Option<Form>, field: &'static str) -> Result<Option<u64>, LineError> {
    match form {
        None | Some(Form::Nil) => Ok(None),
        Some(Form::Number(number)) if number.is_u64() => Ok(number.as_u64()),
        Some(_) => Err(wrong(field, "a number that is not negative")),
    }
}

fn wrong(field: &'static str, expected: &'static str) -> LineError {
    LineError::WrongField { field, expected }
}
