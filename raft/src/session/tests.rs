//! The table of sessions, entry by entry.

use super::*;

fn tag(serial: u64, floor: u64) -> SessionTag {
    SessionTag { session: SessionId(7), serial, floor }
}

fn opened() -> Sessions {
    let mut sessions = Sessions::default();
    assert_eq!(sessions.open(LogIndex(3), SessionId(7)), SessionId(7));
    sessions
}

#[test]
fn a_repeat_gets_the_first_answer_even_out_of_order() {
    let mut s = opened();
    for serial in [3, 1, 2] {
        assert_eq!(s.begin(LogIndex(10 + serial), tag(serial, 0)), Verdict::Fresh);
        s.record(LogIndex(10 + serial), tag(serial, 0), Bytes::from(vec![u8::try_from(serial).unwrap()]));
    }
    let again = Verdict::Repeat(LogIndex(11), Bytes::from_static(&[1]));
    assert_eq!(s.begin(LogIndex(20), tag(1, 0)), again);
}

#[test]
fn the_floor_releases_replies_and_refuses_what_it_covers() {
    let mut s = opened();
    assert_eq!(s.begin(LogIndex(8), tag(1, 0)), Verdict::Fresh);
    s.record(LogIndex(8), tag(1, 0), Bytes::new());
    assert_eq!(s.begin(LogIndex(9), tag(2, 1)), Verdict::Fresh);
    assert_eq!(s.begin(LogIndex(10), tag(1, 0)), Verdict::OutOfWindow);
    assert_eq!(s.begin(LogIndex(11), tag(2 + MAX_OUTSTANDING, 1)), Verdict::OutOfWindow);
}

#[test]
fn the_longest_unused_session_expires_by_the_log() {
    let mut s = Sessions::default();
    for i in 1..=MAX_SESSIONS as u64 {
        s.open(LogIndex(i), SessionId(i));
    }
    let used = SessionTag { session: SessionId(1), serial: 1, floor: 0 };
    assert_eq!(s.begin(LogIndex(9000), used), Verdict::Fresh);
    assert_eq!(s.open(LogIndex(9001), SessionId(5000)), SessionId(5000));
    assert_eq!(s.len(), MAX_SESSIONS);
    let expired = SessionTag { session: SessionId(2), serial: 1, floor: 0 };
    assert_eq!(s.begin(LogIndex(9002), expired), Verdict::Expired);
    assert_eq!(s.begin(LogIndex(9003), used), Verdict::Fresh);
}

#[test]
fn no_two_live_sessions_share_an_id() {
    let mut s = opened();
    assert_eq!(s.open(LogIndex(8), SessionId(7)), SessionId(8));
    assert_eq!(s.len(), 2);
}

/// Two sessions, one with replies.
fn some() -> Sessions {
    let mut s = opened();
    s.open(LogIndex(4), SessionId(9));
    for serial in [2, 3, 7] {
        assert_eq!(s.begin(LogIndex(10 + serial), tag(serial, 1)), Verdict::Fresh);
        s.record(LogIndex(10 + serial), tag(serial, 1), Bytes::from(vec![1; 5]));
    }
    s
}

#[test]
fn the_table_survives_encoding() {
    for sessions in [Sessions::default(), some()] {
        assert_eq!(Sessions::decode(&sessions.encode()), Ok(sessions));
    }
}

#[test]
fn a_table_that_is_cut_or_longer_is_refused() {
    let whole = some().encode();
    for cut in 0..whole.len() {
        assert_eq!(Sessions::decode(&whole[..cut]), Err(BadSessions::Cut), "{cut}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(Sessions::decode(&longer), Err(BadSessions::Trailing { extra: 1 }));
}

#[test]
fn a_table_is_checked_before_anything_is_made_of_it() {
    let whole = some().encode();
    let with = |at: usize, number: u64| {
        let mut bytes = whole.to_vec();
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        Sessions::decode(&bytes)
    };
    // Version, sessions, then of the first: id, last use, floor, replies, serial, index, length.
    assert_eq!(Sessions::decode(&[2]), Err(BadSessions::Version { version: 2 }));
    assert!(matches!(with(1, u64::MAX), Err(BadSessions::TooMany { .. })));
    assert!(matches!(with(33, MAX_OUTSTANDING + 1), Err(BadSessions::TooMany { .. })));
    assert_eq!(with(57, u64::MAX - 1), Err(BadSessions::Cut));
    // The last serial, at 99, is 7; the floor is 1.
    assert!(with(99, 1 + MAX_OUTSTANDING).is_ok());
    for (at, number) in [(9, 9), (41, 1), (41, 3), (25, u64::MAX), (99, 2 + MAX_OUTSTANDING)] {
        assert_eq!(with(at, number), Err(BadSessions::Disorder), "{number} at {at}");
    }
}

#[test]
fn a_tag_survives_encoding() {
    let data = tag(5, 4).encode(b"put", &mut Arena::default());
    assert_eq!(SessionTag::decode(&data), Some((tag(5, 4), Bytes::from_static(b"put"))));
    assert_eq!(SessionTag::decode(&data.slice(..TAG - 1)), None);
}

const MIB: usize = 1 << 20;

/// Applies a command of a session whose response has so many bytes; at which index does not matter but for the
/// order.
fn apply(s: &mut Sessions, index: u64, session: u64, serial: u64, response: usize) {
    let tag = SessionTag { session: SessionId(session), serial, floor: 0 };
    assert_eq!(s.begin(LogIndex(index), tag), Verdict::Fresh);
    s.record(LogIndex(index), tag, Bytes::from(vec![1; response]));
}

/// What fits into a snapshot must be read from it again.
#[test]
fn the_replies_of_a_session_are_bounded_and_the_newest_stay() {
    let mut s = opened();
    for serial in 1..=100 {
        apply(&mut s, 10 + serial, 7, serial, MIB);
        assert!(s.encode().len() as u64 <= MAX_SESSION_REPLY_BYTES + 10_000, "{serial}");
    }
    let newest = Verdict::Repeat(LogIndex(110), Bytes::from(vec![1; MIB]));
    assert_eq!(s.begin(LogIndex(200), tag(100, 0)), newest);
    assert_eq!(Sessions::decode(&s.encode()), Ok(s));
}

#[test]
fn a_command_whose_reply_is_forgotten_is_not_applied_again() {
    let mut s = opened();
    for serial in [3, 4, 5] {
        apply(&mut s, 10 + serial, 7, serial, 11 * MIB);
    }
    let mut s = Sessions::decode(&s.encode()).unwrap();
    assert_eq!(s.begin(LogIndex(20), tag(3, 0)), Verdict::Forgotten);
    // One that never came is not taken for one that is forgotten.
    assert_eq!(s.begin(LogIndex(21), tag(2, 0)), Verdict::Fresh);
    apply(&mut s, 22, 7, 6, 40 * MIB);
    assert_eq!(s.begin(LogIndex(23), tag(6, 0)), Verdict::Forgotten, "larger than all that is kept");
    assert_eq!(s.begin(LogIndex(24), tag(6, 6)), Verdict::OutOfWindow);
    assert_eq!(s.reply_bytes, 0);
}

#[test]
fn the_replies_of_all_sessions_are_bounded_and_those_unused_longest_go() {
    let (mut s, mut index) = (Sessions::default(), 100);
    for session in 1..=20 {
        s.open(LogIndex(session), SessionId(session));
        for serial in 1..=20 {
            index += 1;
            apply(&mut s, index, session, serial, MIB);
        }
    }
    let encoded = s.encode();
    assert!(encoded.len() as u64 <= MAX_REPLY_BYTES + 20_000, "{}", encoded.len());
    assert!(encoded.len() as u64 > MAX_REPLY_BYTES - MAX_SESSION_REPLY_BYTES, "{}", encoded.len());
    assert_eq!(Sessions::decode(&encoded).as_ref(), Ok(&s));
    let again = |session| SessionTag { session: SessionId(session), serial: 20, floor: 0 };
    assert_eq!(s.begin(LogIndex(1000), again(1)), Verdict::Forgotten);
    assert!(matches!(s.begin(LogIndex(1001), again(20)), Verdict::Repeat(..)));
}

/// All nodes must have the same, and a table that one wrote must be read by another.
#[test]
fn the_bounds_are_the_same_numbers_as_ever() {
    let bounds = ReplyBounds { session: 33_554_432, all: 268_435_456 };
    assert_eq!(Sessions::default().bounds(), bounds);
    assert_eq!((MAX_SESSIONS, MAX_OUTSTANDING), (4096, 4096));
    // Nine bytes, 32 for each session, 24 for each reply, and the replies themselves.
    assert_eq!(MAX_ENCODED, 9 + 4096 * 32 + 4096 * 4096 * 24 + 268_435_456);
    let s = some();
    assert_eq!(s.encode().len(), 9 + 2 * 32 + 3 * 24 + 15);
}

/// A table that keeps no more than so many bytes, of two sessions.
fn narrow(session: u64, all: u64) -> Sessions {
    let mut s = opened().bounded(ReplyBounds { session, all });
    s.open(LogIndex(4), SessionId(9));
    s
}

fn kept(s: &Sessions) -> (u64, u64) {
    let ReplyBounds { session, all } = s.kept();
    (session, all)
}

#[test]
fn what_is_kept_is_counted_to_the_byte() {
    let mut s = narrow(100, 1000);
    assert_eq!(s.bounds(), ReplyBounds { session: 100, all: 1000 });
    assert_eq!((kept(&s), s.is_empty(), Sessions::default().is_empty()), ((0, 0), false, true));
    apply(&mut s, 10, 7, 1, 5);
    apply(&mut s, 11, 7, 2, 7);
    apply(&mut s, 12, 9, 1, 20);
    assert_eq!(kept(&s), (20, 32));
    // Its floor releases the first.
    assert_eq!(s.begin(LogIndex(13), tag(3, 1)), Verdict::Fresh);
    assert_eq!(kept(&s), (20, 27));
    assert_eq!(s.begin(LogIndex(14), tag(3, 0)), Verdict::Fresh, "an older floor says nothing");
    assert_eq!(kept(&s), (20, 27));
    s.live.remove(&SessionId(9));
    s.reply_bytes -= 20;
    assert_eq!(Sessions::decode(&s.encode()).map(|s| kept(&s)), Ok((7, 7)));
}

#[test]
fn an_expired_session_keeps_nothing() {
    let mut s = opened();
    apply(&mut s, 10, 7, 1, 5);
    s.open(LogIndex(11), SessionId(100_000));
    apply(&mut s, 12, 100_000, 1, 3);
    assert_eq!(s.reply_bytes, 8);
    for i in 0..MAX_SESSIONS as u64 - 2 {
        s.open(LogIndex(20 + i), SessionId(1000 + i));
    }
    assert_eq!((s.len(), s.reply_bytes), (MAX_SESSIONS, 8));
    s.open(LogIndex(9000), SessionId(50_000));
    assert_eq!((s.len(), s.reply_bytes), (MAX_SESSIONS, 3));
    assert_eq!(s.begin(LogIndex(9001), tag(2, 0)), Verdict::Expired);
    // As many as there may be are read again.
    assert_eq!(Sessions::decode(&s.encode()), Ok(s));
}

#[test]
fn a_session_keeps_as_much_as_it_may_and_beyond_that_half() {
    let mut s = narrow(20, 1000);
    for serial in 1..=4 {
        apply(&mut s, 10 + serial, 7, serial, 5);
    }
    assert_eq!(kept(&s), (20, 20));
    assert!(matches!(s.begin(LogIndex(20), tag(1, 0)), Verdict::Repeat(..)));
    apply(&mut s, 21, 7, 5, 5);
    assert_eq!(kept(&s), (10, 10));
    let verdicts = [3, 4].map(|serial| s.begin(LogIndex(22), tag(serial, 0)));
    assert!(matches!(verdicts, [Verdict::Forgotten, Verdict::Repeat(..)]), "{verdicts:?}");
}

#[test]
fn all_sessions_keep_as_much_as_they_may_and_beyond_that_one_forgets_all() {
    let mut s = narrow(100, 20);
    apply(&mut s, 10, 9, 1, 5);
    apply(&mut s, 11, 7, 1, 5);
    apply(&mut s, 12, 7, 2, 10);
    assert_eq!(kept(&s), (15, 20));
    apply(&mut s, 13, 7, 3, 1);
    assert_eq!(kept(&s), (16, 16), "the other was used longest ago");
    apply(&mut s, 14, 9, 2, 5);
    assert_eq!(kept(&s), (5, 5));
    apply(&mut s, 15, 7, 4, 40);
    assert_eq!(kept(&s), (0, 0), "larger than all that is kept");
}

#[test]
fn a_window_is_open_up_to_its_last_serial() {
    for floor in [0, 1, 5] {
        let mut s = opened();
        for (serial, verdict) in [
            (floor, Verdict::OutOfWindow),
            (floor + 1, Verdict::Fresh),
            (floor + MAX_OUTSTANDING, Verdict::Fresh),
            (floor + MAX_OUTSTANDING + 1, Verdict::OutOfWindow),
        ] {
            assert_eq!(s.begin(LogIndex(10), tag(serial, floor)), verdict, "{serial} above {floor}");
        }
    }
}

#[test]
fn a_session_with_a_full_window_is_read_again() {
    let mut s = opened();
    for serial in 1..=MAX_OUTSTANDING {
        apply(&mut s, 10, 7, serial, 0);
    }
    assert_eq!(Sessions::decode(&s.encode()), Ok(s));
}

#[test]
fn a_command_may_be_empty_under_its_tag() {
    let data = tag(5, 4).encode(b"", &mut Arena::default());
    assert_eq!(SessionTag::decode(&data), Some((tag(5, 4), Bytes::new())));
}
