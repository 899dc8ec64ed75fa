//! What a frame may just hold, and what is just too much.

use super::*;
use crate::consensus::message::{Heartbeat, PreVoteReply};
use crate::wire::Prefix;

fn append(prev: u64, payloads: &[&'static [u8]]) -> Message {
    let id = |index| LogId { term: Term(3), index: LogIndex(index) };
    let entries = (prev + 1..).zip(payloads);
    let entries = entries.map(|(at, data)| Entry::new(id(at), EntryKind::Command, Bytes::from_static(data)));
    Message::AppendEntries(AppendEntries {
        term: Term(4),
        id: 5,
        prev_log: id(prev),
        leader_commit: LogIndex(0),
        entries: entries.collect(),
    })
}

/// Where the header of an encoded message ends, and what follows its prefix.
fn encoded(message: &Message) -> (usize, Vec<u8>) {
    let frame = encode(message);
    assert_eq!(frame.encoded_len(), frame.to_vec().len());
    (frame.head.len() - PREFIX, frame.to_vec()[PREFIX..].to_vec())
}

fn decoded(kind: Kind, header: usize, payload: &[u8]) -> Result<Message, DecodeError> {
    decode(kind, header, &Bytes::copy_from_slice(payload))
}

#[test]
fn a_request_holds_as_many_entries_as_the_limit_and_no_more() {
    for (count, fits) in [(4095, true), (4096, true), (4097, false)] {
        let message = append(0, &vec![&b""[..]; count]);
        let (header, payload) = encoded(&message);
        let refused = DecodeError::TooManyEntries { count, limit: 4096 };
        let expected = if fits { Ok(message) } else { Err(refused) };
        assert!(decoded(Kind::AppendEntries, header, &payload) == expected, "{count}");
    }
}

#[test]
fn an_index_may_reach_the_limit_and_not_stand_at_it() {
    for (prev, fits) in [(LogIndex::LIMIT.0 - 1, true), (LogIndex::LIMIT.0, false)] {
        let message = append(prev, &[b"x"]);
        let (header, payload) = encoded(&message);
        let expected = if fits { Ok(message) } else { Err(DecodeError::IndexOverflow { index: prev }) };
        assert_eq!(decoded(Kind::AppendEntries, header, &payload), expected);
    }
}

#[test]
fn an_append_ends_with_the_last_byte_of_its_last_entry() {
    let message = append(7, &[b"one", b"", b"three"]);
    let (header, payload) = encoded(&message);
    let read = |payload: &[u8]| decoded(Kind::AppendEntries, header, payload);
    assert_eq!(read(&payload), Ok(message));
    let cut = DecodeError::Cut { kind: "AppendEntries", have: 4, len: 5 };
    assert_eq!(read(&payload[..payload.len() - 1]), Err(cut));
    let trailing = DecodeError::Trailing { kind: "AppendEntries", extra: 2 };
    assert_eq!(read(&[&payload[..], b"ab"].concat()), Err(trailing.clone()));
    // Behind the metadata of the entries, too; an entry that is empty ends where it begins.
    let message = append(7, &[b""]);
    let (header, payload) = encoded(&message);
    assert_eq!(header, payload.len());
    assert_eq!(decoded(Kind::AppendEntries, header, &payload), Ok(message));
    let longer = [&payload[..], b"ab"].concat();
    assert_eq!(decoded(Kind::AppendEntries, header + 2, &longer), Err(trailing));
}

#[test]
fn any_other_message_is_its_header() {
    let message = Message::PreVoteReply(PreVoteReply { term: Term(8), asked: Term(9), granted: true });
    let (header, payload) = encoded(&message);
    let kind = Kind::PreVoteReply;
    assert_eq!((header, decoded(kind, header, &payload)), (payload.len(), Ok(message)));
    let cut = DecodeError::Cut { kind: "PreVoteReply", have: header, len: header + 1 };
    assert_eq!(decoded(kind, header + 1, &payload), Err(cut));
    let longer = [&payload[..], b"x"].concat();
    for header in [header, header + 1] {
        let trailing = DecodeError::Trailing { kind: "PreVoteReply", extra: 1 };
        assert_eq!(decoded(kind, header, &longer), Err(trailing), "{header}");
    }
    let malformed = DecodeError::Malformed { kind: "PreVoteReply" };
    assert_eq!(decoded(kind, header - 1, &payload[..header - 1]), Err(malformed));
}

#[test]
fn a_frame_says_how_long_it_and_its_header_are() {
    let beat = Message::Heartbeat(Heartbeat { term: Term(9), round: 1, leader_commit: LogIndex(2) });
    for (message, body) in [(beat, 0), (append(7, &[b"one", b"three"]), 8)] {
        let frame = encode(&message);
        let prefix = Prefix::parse(frame.head.first_chunk().unwrap()).unwrap();
        let header_len = frame.head.len() - PREFIX;
        assert_eq!(prefix, Prefix { kind: frame.kind, header_len, len: header_len + body });
    }
}

#[test]
fn a_frame_in_pieces_says_what_it_says_in_one() {
    let reply = Message::PreVoteReply(PreVoteReply { term: Term(8), asked: Term(9), granted: true });
    for message in [append(7, &[b"one", b"", b"three"]), append(7, &[]), reply, piece()] {
        assert_eq!(decode_frame(&encode(&message)), Ok(message));
    }
    let changed = |change: fn(&mut Frame)| {
        let mut frame = encode(&append(7, &[b"one", b"three"]));
        change(&mut frame);
        decode_frame(&frame).unwrap_err()
    };
    let cut = |kind, have, len| DecodeError::Cut { kind, have, len };
    assert_eq!(changed(|frame| frame.head.truncate(9)), cut("frame", 9, 10));
    assert_eq!(changed(|frame| drop(frame.body.pop())), cut("AppendEntries", 0, 5));
    assert_eq!(changed(|frame| frame.body.swap(0, 1)), cut("AppendEntries", 3, 3));
    let more = |frame: &mut Frame| frame.body.push(Bytes::from_static(b"ab"));
    assert_eq!(changed(more), DecodeError::Trailing { kind: "AppendEntries", extra: 2 });
}

/// A piece of a snapshot.
fn piece() -> Message {
    let last = LogId { term: Term(3), index: LogIndex(9) };
    let snapshot = SnapshotId { last, length: 100, hash: [7; 32] };
    let data = Bytes::from_static(b"some of it");
    Message::InstallSnapshot(InstallSnapshot { term: Term(4), snapshot, offset: 50, data })
}
