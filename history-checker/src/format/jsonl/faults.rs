//! What is wrong with a line, in words of the format instead of the parser's.

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Error, Map, Value as Json};

use super::line::Payload;
use crate::format::LineError;
use crate::value::Value;

/// The line is no JSON object.
pub(super) fn no_object(text: &[u8]) -> LineError {
    let why = match text.first() {
        Some(b'[') if text.get(1) != Some(&b'{') || text.get(2) != Some(&b':') => {
            "an array: there must be one object on each line, and no brackets around them"
        }
        Some(b'[' | b'(' | b';' | b'#') => EDN,
        _ => "a line must be an object",
    };
    LineError::Malformed(why.to_owned())
}

const EDN: &str = "it looks like EDN, which is read as such by the name .edn or --format edn";

/// Why `object` could not be read. The line has so many bytes before it, and may have been `ended`.
pub(super) fn explain(object: &[u8], error: &Error, before: usize, ended: bool) -> LineError {
    if object.get(1..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":")) {
        return LineError::Malformed(EDN.to_owned());
    }
    match error.classify() {
        Category::Eof if !ended => LineError::Malformed("the last line is cut off".to_owned()),
        Category::Data => misfit(object).unwrap_or_else(|| placed(error, before)),
        _ => placed(error, before),
    }
}

/// The parser's own words. It takes the line for the whole text, so of its place the column counts.
fn placed(error: &Error, before: usize) -> LineError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(words) => LineError::Malformed(format!("{words}, column {}", error.column() + before)),
        None => LineError::Malformed(text),
    }
}

/// The field that has the wrong type, in good JSON.
fn misfit(object: &[u8]) -> Option<LineError> {
    let object: Map<String, Json> = serde_json::from_slice(object).ok()?;
    let wrong = |field, expected| Some(LineError::WrongField { field, expected });
    for field in ["process", "version", "time"] {
        if object.get(field).is_some_and(|value| !value.is_u64() && !value.is_null()) {
            return wrong(field, "a whole number that is not negative");
        }
    }
    for field in ["fault", "kind", "op", "key"] {
        if object.get(field).is_some_and(|value| !value.is_string() && !value.is_null()) {
            return wrong(field, "a string");
        }
    }
    if object.get("swapped").is_some_and(|value| !value.is_boolean() && !value.is_null()) {
        return wrong("swapped", "true or false");
    }
    let value = object.get("value").and_then(|value| Payload::deserialize(value).err());
    let seen = object.get("seen").and_then(|seen| Value::deserialize(seen).err());
    match (value, seen) {
        (Some(error), _) => Some(LineError::Malformed(format!("`value`: {error}"))),
        (None, Some(error)) => Some(LineError::Malformed(format!("`seen`: {error}"))),
        (None, None) => None,
    }
}
