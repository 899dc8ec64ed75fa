//! A stream of frames in pieces: see [`check`].

use bytes::Bytes;
use raft::wire::{Class, FrameError, Framer, MAX_LOG_FRAME, PREFIX, Prefix};

use super::choices::Choices;

type Read = (Vec<(Prefix, Bytes)>, Option<FrameError>);

/// The first byte says what the stream carries, the next ones how it is cut.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let class = [Class::Control, Class::Log, Class::Snapshot][choices.at(3)];
    let mut cuts = vec![1];
    cuts.extend(choices.bytes(16).iter().map(|cut| usize::from(*cut) + 1));
    let stream = choices.rest();
    let whole = read(class, [stream].into_iter());
    let mut left = stream;
    let mut cuts = cuts.iter().cycle();
    let pieces = std::iter::from_fn(|| {
        let (piece, rest) = left.split_at(left.len().min(*cuts.next()?));
        left = rest;
        Some(piece).filter(|piece| !piece.is_empty())
    });
    assert_eq!(read(class, pieces), whole);
    let said: Vec<u8> = whole.0.iter().flat_map(|(_, payload)| payload.to_vec()).collect();
    let taken = said.len() + whole.0.len() * PREFIX;
    assert!(taken <= stream.len(), "{taken} bytes of frames in a stream of {}", stream.len());
}

fn read<'a>(class: Class, pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let (mut framer, mut frames) = (Framer::default(), Vec::new());
    for piece in pieces {
        framer.buffer().extend_from_slice(piece);
        loop {
            match framer.next(class) {
                Ok(Some((prefix, payload))) => {
                    assert_eq!((prefix.kind.class(), prefix.len), (class, payload.len()));
                    frames.push((prefix, payload));
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(framer.missing(class), Err(error.clone()));
                    return (frames, Some(error));
                }
            }
        }
        let missing = framer.missing(class).unwrap();
        assert!((1..=PREFIX + MAX_LOG_FRAME).contains(&missing), "room for {missing} bytes");
    }
    (frames, None)
}
