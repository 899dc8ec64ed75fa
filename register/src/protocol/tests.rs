//! Frames, byte by byte.

use super::*;

fn requests() -> Vec<(Request, &'static [u8])> {
    let session = SessionTag { session: SessionId(2), serial: 3, floor: 1 };
    vec![
        (
            Request::Hello(Hello { min_version: 1, max_version: 300 }),
            b"\x03\0\0\0\x01\0\x09\0\0\0\0\0\0\0\x01\xac\x02",
        ),
        (Request::OpenSession, b"\0\0\0\0\x02\0\x09\0\0\0\0\0\0\0"),
        (
            Request::Propose { session, command: Bytes::from_static(b"cmd") },
            b"\x1b\0\0\0\x03\0\x09\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0cmd",
        ),
        (Request::Read { query: Bytes::from_static(b"q") }, b"\x01\0\0\0\x04\0\x09\0\0\0\0\0\0\0q"),
        (Request::Status, b"\0\0\0\0\x05\0\x09\0\0\0\0\0\0\0"),
    ]
}

fn responses() -> Vec<(Response, &'static [u8])> {
    let hint = LeaderHint { node: NodeId(3), address: "h:1".into() };
    vec![
        (
            Response::Welcome(Welcome { version: 1, node: NodeId(2) }),
            b"\x02\0\0\0\x41\0\x09\0\0\0\0\0\0\0\x01\x02",
        ),
        (Response::SessionOpened(SessionId(5)), b"\x01\0\0\0\x42\0\x09\0\0\0\0\0\0\0\x05"),
        (
            Response::Applied { index: LogIndex(7), answer: Bytes::from_static(b"a") },
            b"\x09\0\0\0\x43\0\x09\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0a",
        ),
        (Response::ReadAnswer(Bytes::from_static(b"a")), b"\x01\0\0\0\x44\0\x09\0\0\0\0\0\0\0a"),
        (refused(Refused::NotLeader { hint: None }), b"\x02\0\0\0\x46\0\x09\0\0\0\0\0\0\0\0\0"),
        (
            refused(Refused::NotLeader { hint: Some(hint) }),
            b"\x07\0\0\0\x46\0\x09\0\0\0\0\0\0\0\0\x01\x03\x03h:1",
        ),
        (refused(Refused::Overloaded), b"\x01\0\0\0\x46\0\x09\0\0\0\0\0\0\0\x01"),
        (refused(Refused::Malformed), b"\x01\0\0\0\x46\0\x09\0\0\0\0\0\0\0\x02"),
        (refused(Refused::Unknown), b"\x01\0\0\0\x46\0\x09\0\0\0\0\0\0\0\x03"),
        (refused(Refused::SessionExpired), b"\x01\0\0\0\x46\0\x09\0\0\0\0\0\0\0\x04"),
        (refused(Refused::OutOfWindow), b"\x01\0\0\0\x46\0\x09\0\0\0\0\0\0\0\x05"),
        (refused(Refused::Stopping), b"\x01\0\0\0\x46\0\x09\0\0\0\0\0\0\0\x06"),
    ]
}

fn refused(why: Refused) -> Response {
    Response::Refused(why)
}

fn check<M: Message + PartialEq + std::fmt::Debug>(message: M, bytes: &[u8]) {
    assert_eq!(message.to_frame(9), bytes, "{message:?}");
    let mut two = BytesMut::from(&[bytes, bytes].concat()[..]);
    assert_eq!(next_frame(&mut two).unwrap().as_ref(), Some(&(9, message)));
    assert_eq!(&two[..], bytes);
    for end in 0..bytes.len() {
        let mut part = BytesMut::from(&bytes[..end]);
        assert_eq!(next_frame::<M>(&mut part), Ok(None), "cut to {end}");
        assert_eq!(part.len(), end, "a part of a frame was taken");
    }
}

#[test]
fn golden_bytes() {
    for (request, bytes) in requests() {
        check(request, bytes);
    }
    for (response, bytes) in responses() {
        check(response, bytes);
    }
}

#[test]
fn a_status_survives() {
    let status =
        NodeStatus { cluster: "demo".into(), node: 3, voters: vec![1, 2, 3], ..NodeStatus::default() };
    let frame = Response::Status(Box::new(status)).to_frame(1);
    let (_, back) = next_frame::<Response>(&mut BytesMut::from(&frame[..])).unwrap().unwrap();
    assert_eq!(back.to_frame(1), frame);
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
    for (kind, limit) in
        [(kind::PROPOSE, SESSION_TAG + MAX_COMMAND), (kind::READ, MAX_SMALL), (kind::STATUS, 0)]
    {
        let mut bytes = BytesMut::new();
        prefix(kind, 1, limit + 1, &mut bytes);
        let capacity = bytes.capacity();
        assert_eq!(
            next_frame::<Request>(&mut bytes),
            Err(FrameError::TooLong { kind, len: limit + 1, limit })
        );
        assert_eq!(bytes.capacity(), capacity);
    }
}

#[test]
fn what_the_other_side_should_not_send_is_refused() {
    let mut response = BytesMut::from(&refused(Refused::Overloaded).to_frame(1)[..]);
    assert_eq!(next_frame::<Request>(&mut response), Err(FrameError::UnknownKind(kind::REFUSED)));
    let mut unknown = BytesMut::new();
    prefix(99, 1, 0, &mut unknown);
    assert_eq!(next_frame::<Request>(&mut unknown), Err(FrameError::UnknownKind(99)));
    let mut flags = BytesMut::from(&Request::Status.to_frame(1)[..]);
    flags[5] = 1;
    let error = FrameError::UnknownFlags { kind: kind::STATUS, flags: 1 };
    assert_eq!(next_frame::<Request>(&mut flags), Err(error));
}

#[test]
fn a_payload_with_bytes_behind_its_end_is_malformed() {
    let mut bytes = BytesMut::new();
    prefix(kind::HELLO, 1, 3, &mut bytes);
    bytes.extend_from_slice(b"\x01\x01\x01");
    assert_eq!(next_frame::<Request>(&mut bytes), Err(FrameError::Malformed(kind::HELLO)));
    let mut short = BytesMut::new();
    prefix(kind::PROPOSE, 1, 5, &mut short);
    short.extend_from_slice(b"short");
    assert_eq!(next_frame::<Request>(&mut short), Err(FrameError::Malformed(kind::PROPOSE)));
}
