//! What comes from a peer as a message: see [`check`].

use bytes::Bytes;
use raft::wire::{Kind, PREFIX, Prefix, decode, encode};

/// A frame as a stream carries it; and, so that the prefix keeps nothing out, a payload under each kind.
pub fn check(input: &[u8]) {
    if let Some((prefix, rest)) = input.split_first_chunk::<PREFIX>()
        && let Ok(prefix) = Prefix::parse(prefix)
        && let Some(payload) = rest.get(..prefix.len)
    {
        decoded(prefix.kind, prefix.header_len, payload);
    }
    if let [kind, low, high, payload @ ..] = input {
        let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
        decoded(kind, usize::from(u16::from_le_bytes([*low, *high])), payload);
    }
}

/// Numbers have encodings that are longer than need be, so it is messages that are compared.
fn decoded(kind: Kind, header_len: usize, payload: &[u8]) {
    let Ok(message) = decode(kind, header_len, &Bytes::copy_from_slice(payload)) else { return };
    let frame = encode(&message);
    let bytes = frame.to_vec();
    assert_eq!((frame.kind, frame.encoded_len()), (kind, bytes.len()));
    assert!(bytes.len() <= PREFIX + payload.len(), "{message:?} takes more than it came in");
    let (prefix, payload) = bytes.split_first_chunk::<PREFIX>().unwrap();
    let prefix = Prefix::parse(prefix).unwrap();
    assert_eq!((prefix.kind, prefix.len), (kind, payload.len()));
    let again = decode(kind, prefix.header_len, &Bytes::copy_from_slice(payload));
    assert_eq!(again, Ok(message));
}
