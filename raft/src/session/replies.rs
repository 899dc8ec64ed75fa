//! What one session keeps: the reply to each serial above its floor, as far as the bounds on their bytes allow.
//! That a command was applied is never forgotten, else its repeat would take effect again.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{BadSessions, MAX_OUTSTANDING, count};
use crate::consensus::types::LogIndex;

/// Bytes of an encoded reply beside the reply itself.
pub(super) const REPLY: u64 = 24;
/// In the place of a length: it was forgotten.
const FORGOTTEN: u64 = u64::MAX;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Replies {
    /// With the index where the command was applied; none once the reply is forgotten.
    by_serial: BTreeMap<u64, (LogIndex, Option<Bytes>)>,
    /// Of all that are not forgotten.
    bytes: u64,
}

impl Replies {
    /// Of a command that was applied.
    pub(super) fn get(&self, serial: u64) -> Option<&(LogIndex, Option<Bytes>)> {
        self.by_serial.get(&serial)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Drops what stands at or below the floor.
    pub(super) fn release(&mut self, floor: u64) {
        while let Some(lowest) = self.by_serial.first_entry().filter(|lowest| *lowest.key() <= floor) {
            self.bytes -= weight(&lowest.remove());
        }
    }

    /// Keeps a reply. Beyond the bound those to the lowest serials are forgotten, down to half of it, so that
    /// not every reply that follows has to look for them.
    pub(super) fn keep(&mut self, serial: u64, index: LogIndex, response: Bytes, bound: u64) {
        self.bytes += response.len() as u64;
        self.by_serial.insert(serial, (index, Some(response)));
        if self.bytes > bound && !crate::seeded_bug!("replies-unbounded") {
            self.forget(bound / 2);
        }
    }

    /// Forgets replies until so many bytes are left at most.
    pub(super) fn forget(&mut self, left: u64) {
        let mut gone = Vec::new();
        for (serial, reply) in &mut self.by_serial {
            if self.bytes <= left {
                break;
            }
            self.bytes -= weight(reply);
            reply.1 = None;
            gone.push(*serial);
        }
        if crate::seeded_bug!("forgotten-reply-applied-again") {
            gone.iter().for_each(|serial| drop(self.by_serial.remove(serial)));
        }
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_u64_le(self.by_serial.len() as u64);
        for (serial, (index, response)) in &self.by_serial {
            out.put_u64_le(*serial);
            out.put_u64_le(index.0);
            out.put_u64_le(response.as_ref().map_or(FORGOTTEN, |response| response.len() as u64));
            out.put_slice(response.as_deref().unwrap_or_default());
        }
    }

    pub(super) fn decode(from: &mut &[u8], floor: u64) -> Result<Replies, BadSessions> {
        let mut replies = Replies::default();
        for _ in 0..count(from, MAX_OUTSTANDING)? {
            let (serial, index) = (from.try_get_u64_le()?, LogIndex(from.try_get_u64_le()?));
            let length = from.try_get_u64_le()?;
            let response = if length == FORGOTTEN { None } else { Some(take(from, length)?) };
            let before = replies.by_serial.last_key_value().map_or(floor, |(before, _)| *before);
            if serial <= before || serial - floor > MAX_OUTSTANDING {
                return Err(BadSessions::Disorder);
            }
            let reply = (index, response);
            replies.bytes += weight(&reply);
            replies.by_serial.insert(serial, reply);
        }
        Ok(replies)
    }
}

fn weight((_, response): &(LogIndex, Option<Bytes>)) -> u64 {
    response.as_ref().map_or(0, |response| response.len() as u64)
}

fn take(from: &mut &[u8], length: u64) -> Result<Bytes, BadSessions> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (response, rest) = from.split_at_checked(length).ok_or(BadSessions::Cut)?;
    *from = rest;
    Ok(Bytes::copy_from_slice(response))
}
