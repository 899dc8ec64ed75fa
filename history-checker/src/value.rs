//! What a register holds and a key is called: JSON scalars, compared as written.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of a register: any JSON scalar. `Null` is the absence of a value, so a delete is a write of `Null`.
///
/// Numbers are equal when they are written as the same number of the same kind: `1` and `1.0` differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Value {
    /// `null`: an empty register.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer, or a finite float.
    Number(Number),
    /// A string.
    Text(Arc<str>),
}

/// An integer of 64 bits, or a finite float. Made by `Value::from`, or read by [`Value::from_json`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Number(serde_json::Number);

/// A text that is no JSON scalar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoScalar(String);

impl Value {
    /// Reads a scalar from its JSON text, as given on a command line.
    ///
    /// # Errors
    /// When the text is not JSON, or is an array or an object.
    pub fn from_json(text: &str) -> Result<Value, NoScalar> {
        serde_json::from_str(text).map_err(|error| NoScalar(error.to_string()))
    }
}

impl Number {
    /// As an integer, if it is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.as_i64()
    }

    /// As an integer, if it is one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }

    pub(crate) fn of_json(number: serde_json::Number) -> Number {
        Number(number)
    }

    fn from_f64(number: f64) -> Option<Number> {
        serde_json::Number::from_f64(number).map(Number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value::from(i64::from(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::from(u64::from(number))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(Number(number.into()))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(Number(number.into()))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

/// `None` is the absence of a value.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

/// As JSON, so that `"1"` and `1` look different.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(&serde_json::to_string(&**value).map_err(|_| fmt::Error)?),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(value) => value.serialize(serializer),
            Value::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// The scalar cases, shared with the visitor that also accepts a pair.
pub(crate) struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON scalar")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // What is read as a float though it is whole was too long for an integer, and rounded; or written as a float.
        if value.fract() == 0.0 && value.abs() >= 9_007_199_254_740_992.0 {
            let fits = value > -9_223_372_036_854_775_808.0 && value < 18_446_744_073_709_551_616.0;
            return Err(E::custom(match fits {
                true => "a whole number beyond 53 bits as a float: write it as an integer, or as a string",
                false => "an integer beyond 64 bits: write it as a string",
            }));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
}

/// The name of one register in a map. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Key(#[serde(serialize_with = "as_str")] Arc<str>);

impl Key {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Key {
        Key(name.into())
    }
}

impl From<String> for Key {
    fn from(name: String) -> Key {
        Key(name.into())
    }
}

/// For people: control characters escaped, and cut off where it is long. [`Key::as_str`] is the name itself.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

fn as_str<S: Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

/// Characters of a key or a value that are shown to people.
const SHOWN: usize = 80;

/// Foreign text as it may stand in a sentence on a terminal: on one line, without control characters, not too long.
pub(crate) fn shown(text: &str) -> String {
    shortened(&text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

/// Cut off where people have seen enough.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}… ({} characters)", text.get(..end).unwrap_or_default(), text.chars().count())
        }
    }
}

/// A value as sentences name it: as JSON, cut off where it is long.
pub(crate) struct Short<'a>(pub(crate) &'a Value);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(text) if text.len() > SHOWN || text.contains(char::is_control) => {
                // JSON leaves the controls beyond ASCII as they are.
                write!(f, "\"{}\"", shortened(&text.escape_debug().to_string().replace("\\'", "'")))
            }
            value => write!(f, "{value}"),
        }
    }
}

/// Numbers for values, so that an engine compares numbers.
#[derive(Debug)]
pub(crate) struct Interner<'a> {
    /// By small integers, which most histories write; 0 is free, else the number plus one.
    small: Vec<u32>,
    /// Integers below this are small: so many as may be as long as the history itself.
    limit: usize,
    others: HashMap<&'a Value, usize, FixedState>,
    values: Vec<&'a Value>,
}

impl<'a> Interner<'a> {
    /// For the values of so many operations.
    pub(crate) fn new(operations: usize) -> Interner<'a> {
        let limit = operations.saturating_mul(2).saturating_add(64);
        Interner { small: Vec::new(), limit, others: HashMap::default(), values: Vec::new() }
    }

    pub(crate) fn id(&mut self, value: &'a Value) -> usize {
        let next = self.values.len();
        let id = match self.small(value) {
            Some(place) if self.small[place] != 0 => self.small[place] as usize - 1,
            Some(place) => match u32::try_from(next + 1) {
                Ok(number) => {
                    self.small[place] = number;
                    next
                }
                Err(_) => *self.others.entry(value).or_insert(next),
            },
            None => *self.others.entry(value).or_insert(next),
        };
        if id == next {
            self.values.push(value);
        }
        id
    }

    /// The place of a small integer.
    fn small(&mut self, value: &Value) -> Option<usize> {
        let Value::Number(number) = value else { return None };
        let place = usize::try_from(number.as_u64()?).ok().filter(|&place| place < self.limit)?;
        if place >= self.small.len() {
            self.small.resize((place + 1).next_power_of_two().min(self.limit), 0);
        }
        Some(place)
    }

    /// By their numbers.
    pub(crate) fn into_values(self) -> Vec<&'a Value> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scalar_survives_a_round_trip_through_json() {
        for text in ["null", "true", "-7", "18446744073709551615", "1.5", "\"a \\\"b\\\"\""] {
            let value = Value::from_json(text).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
        }
    }

    #[test]
    fn arrays_and_objects_are_no_values() {
        assert!(Value::from_json("[1]").is_err());
        assert!(Value::from_json("{}").is_err());
    }

    #[test]
    fn equal_values_have_one_number_and_others_have_others() {
        let texts = ["0", "1", "1.0", "-1", "150", "\"1\"", "null", "10000000000", "true"];
        let values: Vec<Value> = texts.iter().map(|text| Value::from_json(text).unwrap()).collect();
        let again = values.clone();
        let mut interner = Interner::new(10);
        for (id, value) in values.iter().enumerate() {
            assert_eq!(interner.id(value), id, "{value}");
        }
        for (id, value) in again.iter().enumerate() {
            assert_eq!(interner.id(value), id, "{value}");
        }
        assert!(interner.small.len() <= 84, "what is not small costs no place");
        assert_eq!(interner.into_values(), values.iter().collect::<Vec<_>>());
    }

    #[test]
    fn numbers_are_compared_as_written() {
        assert_eq!(Value::from(5_i64), Value::from(5_u64));
        assert_ne!(Value::from_json("1").unwrap(), Value::from_json("1.0").unwrap());
        assert_ne!(Value::from_json("1").unwrap(), Value::from("1"));
    }
}
