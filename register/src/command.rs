//! What is replicated: commands, queries and answers, and their bytes.
//!
//! Each is `format u8 · postcard head · payloads back to back`. The head holds the payloads' lengths,
//! which are checked against the limits and against what is there before anything is sliced;
//! payloads are shared with the buffer, never copied. Entries outlive the program that wrote them:
//! a head never changes, a new one gets a new variant, at the end.

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::outcome::{Expect, Invalid, MAX_KEY, MAX_VALUE, Version, Versioned};

/// The only format so far.
const FORMAT: u8 = 1;

/// Bytes of an encoded command, at most: the format, the head, a key, an expected and a new value.
pub const MAX_COMMAND: usize = 32 + MAX_KEY + 2 * MAX_VALUE;
/// Bytes of an encoded answer, at most.
pub const MAX_ANSWER: usize = 32 + MAX_VALUE;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Set a key, whatever it holds.
    Put {
        /// Which.
        key: Bytes,
        /// To what.
        value: Bytes,
    },
    /// Set a key if it holds what is expected.
    Cas {
        /// Which.
        key: Bytes,
        /// What it should hold.
        expect: Expect,
        /// To what.
        value: Bytes,
    },
    /// Remove a key.
    Delete {
        /// Which.
        key: Bytes,
    },
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// What a key holds.
    Get {
        /// Which.
        key: Bytes,
    },
}

/// What the state machine says to a command or query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A put, or a compare-and-set that swapped: the new version.
    Written(Version),
    /// A get, or a compare-and-set that did *not* swap: what the key holds.
    Seen(Option<Versioned>),
    /// A delete: the version that went, if there was one.
    Deleted(Option<Version>),
    /// Not a command that this program understands; nothing was changed.
    Malformed,
}

/// Why bytes are not a command, query or answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum CodecError {
    #[error("format {0} is not known")]
    UnknownFormat(u8),
    #[error("the head is malformed")]
    Head,
    #[error("{missing} bytes are missing")]
    Cut { missing: usize },
    #[error("{extra} bytes behind the end")]
    Trailing { extra: usize },
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

#[derive(Serialize, Deserialize)]
enum CommandHead {
    Put { key: u32, value: u32 },
    CasMissing { key: u32, value: u32 },
    CasVersion { key: u32, version: Version, value: u32 },
    CasValue { key: u32, expected: u32, value: u32 },
    Delete { key: u32 },
}

#[derive(Serialize, Deserialize)]
enum QueryHead {
    Get { key: u32 },
}

#[derive(Serialize, Deserialize)]
enum AnswerHead {
    Written(Version),
    Missing,
    Seen { version: Version, value: u32 },
    Deleted(Option<Version>),
    Malformed,
}

impl Command {
    /// The key that it is about.
    #[must_use]
    pub fn key(&self) -> &Bytes {
        match self {
            Command::Put { key, .. } | Command::Cas { key, .. } | Command::Delete { key } => key,
        }
    }

    /// Whether every part is within the limits.
    pub fn check(&self) -> Result<(), Invalid> {
        check_key(self.key().len())?;
        match self {
            Command::Put { value, .. } => check_value(value.len()),
            Command::Cas { expect, value, .. } => {
                if let Expect::Value(expected) = expect {
                    check_value(expected.len())?;
                }
                check_value(value.len())
            }
            Command::Delete { .. } => Ok(()),
        }
    }

    /// Its bytes. What is beyond the limits is encoded all the same, and refused by who decodes it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let key = len(self.key());
        match self {
            Command::Put { key: k, value } => pack(&CommandHead::Put { key, value: len(value) }, &[k, value]),
            Command::Cas { key: k, expect, value: v } => {
                let value = len(v);
                match expect {
                    Expect::Missing => pack(&CommandHead::CasMissing { key, value }, &[k, v]),
                    Expect::Version(version) => {
                        pack(&CommandHead::CasVersion { key, version: *version, value }, &[k, v])
                    }
                    Expect::Value(e) => {
                        pack(&CommandHead::CasValue { key, expected: len(e), value }, &[k, e, v])
                    }
                }
            }
            Command::Delete { key: k } => pack(&CommandHead::Delete { key }, &[k]),
        }
    }

    /// Decodes and checks against the limits; payloads share `data`.
    pub fn decode(data: &Bytes) -> Result<Command, CodecError> {
        let (head, mut rest) = unpack(data)?;
        let command = match head {
            CommandHead::Put { key, value } => {
                Command::Put { key: take_key(&mut rest, key)?, value: take_value(&mut rest, value)? }
            }
            CommandHead::CasMissing { key, value } => Command::Cas {
                key: take_key(&mut rest, key)?,
                expect: Expect::Missing,
                value: take_value(&mut rest, value)?,
            },
            CommandHead::CasVersion { key, version, value } => Command::Cas {
                key: take_key(&mut rest, key)?,
                expect: Expect::Version(version),
                value: take_value(&mut rest, value)?,
            },
            CommandHead::CasValue { key, expected, value } => Command::Cas {
                key: take_key(&mut rest, key)?,
                expect: Expect::Value(take_value(&mut rest, expected)?),
                value: take_value(&mut rest, value)?,
            },
            CommandHead::Delete { key } => Command::Delete { key: take_key(&mut rest, key)? },
        };
        end(&rest)?;
        Ok(command)
    }
}

impl Query {
    /// Whether every part is within the limits.
    pub fn check(&self) -> Result<(), Invalid> {
        let Query::Get { key } = self;
        check_key(key.len())
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let Query::Get { key } = self;
        pack(&QueryHead::Get { key: len(key) }, &[key])
    }

    /// Decodes and checks against the limits; the key shares `data`.
    pub fn decode(data: &Bytes) -> Result<Query, CodecError> {
        let (QueryHead::Get { key }, mut rest) = unpack(data)?;
        let query = Query::Get { key: take_key(&mut rest, key)? };
        end(&rest)?;
        Ok(query)
    }
}

impl Answer {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Answer::Written(version) => pack(&AnswerHead::Written(*version), &[]),
            Answer::Seen(None) => pack(&AnswerHead::Missing, &[]),
            Answer::Seen(Some(seen)) => encode_seen(BytesMut::new(), seen.version, &seen.value),
            Answer::Deleted(version) => pack(&AnswerHead::Deleted(*version), &[]),
            Answer::Malformed => pack(&AnswerHead::Malformed, &[]),
        }
    }

    /// Decodes and checks against the limits; the value shares `data`.
    pub fn decode(data: &Bytes) -> Result<Answer, CodecError> {
        let (head, mut rest) = unpack(data)?;
        let answer = match head {
            AnswerHead::Written(version) => Answer::Written(version),
            AnswerHead::Missing => Answer::Seen(None),
            AnswerHead::Seen { version, value } => {
                Answer::Seen(Some(Versioned { version, value: take_value(&mut rest, value)? }))
            }
            AnswerHead::Deleted(version) => Answer::Deleted(version),
            AnswerHead::Malformed => Answer::Malformed,
        };
        end(&rest)?;
        Ok(answer)
    }
}

/// The bytes of `Answer::Seen`, from borrowed parts; the value stands at their end. In the memory of `room` if it is
/// just large enough.
pub(crate) fn encode_seen(room: BytesMut, version: Version, value: &[u8]) -> Bytes {
    pack_into(room, &AnswerHead::Seen { version, value: len(value) }, &[value])
}

pub(crate) fn check_key(len: usize) -> Result<(), Invalid> {
    match len {
        0 => Err(Invalid::EmptyKey),
        1..=MAX_KEY => Ok(()),
        _ => Err(Invalid::KeyTooLong(len)),
    }
}

pub(crate) fn check_value(len: usize) -> Result<(), Invalid> {
    if len > MAX_VALUE { Err(Invalid::ValueTooLong(len)) } else { Ok(()) }
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn pack<H: Serialize>(head: &H, payloads: &[&[u8]]) -> Bytes {
    pack_into(BytesMut::new(), head, payloads)
}

fn pack_into<H: Serialize>(mut room: BytesMut, head: &H, payloads: &[&[u8]]) -> Bytes {
    // More than a kind, a version and three lengths. Serialising plain enums into enough memory has no way to fail; if
    // it did, what follows would not decode, and be answered as malformed.
    let mut buffer = [0; 32];
    let head = postcard::to_slice(head, &mut buffer).unwrap_or_default();
    let len = 1 + head.len() + payloads.iter().map(|p| p.len()).sum::<usize>();
    room.clear();
    // Memory that is filled to its end needs no second allocation to be shared.
    let mut data = if room.capacity() == len { room } else { BytesMut::with_capacity(len) };
    data.put_u8(FORMAT);
    data.put_slice(head);
    payloads.iter().for_each(|payload| data.put_slice(payload));
    data.freeze()
}

fn unpack<H: DeserializeOwned>(data: &Bytes) -> Result<(H, Bytes), CodecError> {
    let (format, rest) = data.split_first().ok_or(CodecError::Cut { missing: 1 })?;
    if *format != FORMAT {
        return Err(CodecError::UnknownFormat(*format));
    }
    let (head, payload) = postcard::take_from_bytes(rest).map_err(|_| CodecError::Head)?;
    Ok((head, data.slice(data.len() - payload.len()..)))
}

fn take_key(rest: &mut Bytes, len: u32) -> Result<Bytes, CodecError> {
    check_key(len as usize)?;
    take(rest, len as usize)
}

fn take_value(rest: &mut Bytes, len: u32) -> Result<Bytes, CodecError> {
    check_value(len as usize)?;
    take(rest, len as usize)
}

fn take(rest: &mut Bytes, len: usize) -> Result<Bytes, CodecError> {
    if len > rest.len() {
        return Err(CodecError::Cut { missing: len - rest.len() });
    }
    Ok(rest.split_to(len))
}

fn end(rest: &Bytes) -> Result<(), CodecError> {
    if rest.is_empty() { Ok(()) } else { Err(CodecError::Trailing { extra: rest.len() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn commands() -> Vec<(Command, &'static [u8])> {
        let cas = |expect| Command::Cas { key: b("k"), expect, value: b("new") };
        vec![
            (Command::Put { key: b("k"), value: b("v1") }, b"\x01\x00\x01\x02kv1"),
            (Command::Put { key: b("k"), value: b("") }, b"\x01\x00\x01\x00k"),
            (cas(Expect::Missing), b"\x01\x01\x01\x03knew"),
            (cas(Expect::Version(Version(300))), b"\x01\x02\x01\xac\x02\x03knew"),
            (cas(Expect::Value(b("old!"))), b"\x01\x03\x01\x04\x03kold!new"),
            (Command::Delete { key: b("k") }, b"\x01\x04\x01k"),
        ]
    }

    fn answers() -> Vec<(Answer, &'static [u8])> {
        let seen = Versioned { version: Version(7), value: b("v") };
        vec![
            (Answer::Written(Version(300)), b"\x01\x00\xac\x02"),
            (Answer::Seen(None), b"\x01\x01"),
            (Answer::Seen(Some(seen)), b"\x01\x02\x07\x01v"),
            (Answer::Deleted(None), b"\x01\x03\x00"),
            (Answer::Deleted(Some(Version(9))), b"\x01\x03\x01\x09"),
            (Answer::Malformed, b"\x01\x04"),
        ]
    }

    #[test]
    fn golden_bytes() {
        for (command, bytes) in commands() {
            assert_eq!(command.encode(), bytes, "{command:?}");
            assert_eq!(Command::decode(&Bytes::from_static(bytes)), Ok(command));
        }
        for (answer, bytes) in answers() {
            assert_eq!(answer.encode(), bytes, "{answer:?}");
            assert_eq!(Answer::decode(&Bytes::from_static(bytes)), Ok(answer));
        }
        let get = Query::Get { key: b("key") };
        assert_eq!(get.encode(), &b"\x01\x00\x03key"[..]);
        assert_eq!(Query::decode(&get.encode()), Ok(get));
    }

    #[test]
    fn what_is_cut_or_followed_by_more_is_refused() {
        for (command, bytes) in commands() {
            for end in 0..bytes.len() {
                let cut = Bytes::copy_from_slice(&bytes[..end]);
                assert!(Command::decode(&cut).is_err(), "{command:?} cut to {end}");
            }
            let long = Bytes::from([bytes, b"x"].concat());
            assert_eq!(Command::decode(&long), Err(CodecError::Trailing { extra: 1 }));
        }
        assert_eq!(Answer::decode(&b("\x01\x01x")), Err(CodecError::Trailing { extra: 1 }));
        assert_eq!(Query::decode(&b("\x01\x00\x01kk")), Err(CodecError::Trailing { extra: 1 }));
    }

    #[test]
    fn limits_hold_before_any_payload_is_there() {
        let claims = |head: &CommandHead| Command::decode(&pack(head, &[]));
        let huge = claims(&CommandHead::Put { key: 1, value: u32::MAX });
        assert_eq!(huge, Err(CodecError::Cut { missing: 1 }));
        let key = claims(&CommandHead::Delete { key: 1025 });
        assert_eq!(key, Err(Invalid::KeyTooLong(1025).into()));
        let value = pack(&CommandHead::Put { key: 1, value: u32::MAX }, &[b"k"]);
        assert_eq!(Command::decode(&value), Err(Invalid::ValueTooLong(u32::MAX as usize).into()));
        assert_eq!(claims(&CommandHead::Delete { key: 0 }), Err(Invalid::EmptyKey.into()));
    }

    #[test]
    fn the_largest_command_and_answer_fit_their_bounds() {
        let (key, value) = (Bytes::from(vec![b'k'; MAX_KEY]), Bytes::from(vec![0; MAX_VALUE]));
        let cas = Command::Cas { key, expect: Expect::Value(value.clone()), value: value.clone() };
        assert_eq!(cas.check(), Ok(()));
        assert!(cas.encode().len() <= MAX_COMMAND);
        assert_eq!(Command::decode(&cas.encode()), Ok(cas));
        let seen = Answer::Seen(Some(Versioned { version: Version(u64::MAX), value }));
        assert!(seen.encode().len() <= MAX_ANSWER);
        assert_eq!(Answer::decode(&seen.encode()), Ok(seen));
    }

    #[test]
    fn another_format_is_named() {
        assert_eq!(Command::decode(&b("\x02\x04\x01k")), Err(CodecError::UnknownFormat(2)));
        assert_eq!(Command::decode(&b("\x01\x09")), Err(CodecError::Head));
    }
}
