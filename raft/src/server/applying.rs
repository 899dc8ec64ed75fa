//! From committed entries to what their clients are told.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::io::{Fatal, Reply};
use super::{APPLY_PER_DRAIN, Server, panic_text};
use crate::consensus::entry::{Entry, EntryKind};
use crate::consensus::types::{LogIndex, SessionId};
use crate::marks::mark;
use crate::session::{SessionTag, Verdict};
use crate::state_machine::StateMachine;

impl<M: StateMachine> Server<M> {
    pub(super) fn apply_committed(&mut self) -> Result<(), Fatal> {
        for _ in 0..APPLY_PER_DRAIN {
            if self.last_applied >= self.raft.commit_index() {
                break;
            }
            let index = self.last_applied.next();
            let entry = self.raft.log().get(index).ok_or(Fatal::MissingEntry { index })?.clone();
            let waits = self.waiting.pop_front_if(|(first, ..)| *first == index);
            let reply = self.apply(&entry, waits.is_some())?;
            self.last_applied = index;
            if let Some((_, term, ticket)) = waits {
                let ours = term == entry.id.term || crate::seeded_bug!("resolved-by-index-alone");
                self.reply(ticket, if ours { reply } else { Reply::Unknown });
            }
        }
        Ok(())
    }

    /// Where nobody is told the reply may lack the response.
    fn apply(&mut self, entry: &Entry, told: bool) -> Result<Reply, Fatal> {
        let index = entry.id.index;
        if !entry.is_intact() && !crate::seeded_bug!("entry-checksum-unchecked") {
            return Err(Fatal::CorruptEntry { index });
        }
        let response = match entry.kind {
            EntryKind::Noop | EntryKind::Membership => Bytes::new(),
            EntryKind::OpenSession => {
                // Only a leader's own encoding gets here; were it not one, its index would do.
                let drawn = entry.data.first_chunk().map_or(index.0, |id| u64::from_le_bytes(*id));
                let opened = self.sessions.open(index, SessionId(drawn));
                Bytes::copy_from_slice(&opened.0.to_le_bytes())
            }
            EntryKind::Command => self.apply_command(index, &entry.data)?,
            EntryKind::SessionCommand => return self.apply_once(index, &entry.data, told),
        };
        Ok(Reply::Applied { index, response })
    }

    fn apply_once(&mut self, index: LogIndex, data: &Bytes, told: bool) -> Result<Reply, Fatal> {
        // Only a leader's own encoding gets here; were it not one, it belongs to no session.
        let Some((tag, command)) = SessionTag::decode(data) else { return Ok(Reply::SessionExpired) };
        Ok(match self.sessions.begin(index, tag) {
            Verdict::Fresh => {
                let response = self.apply_command(index, &command)?;
                // The first copy of bytes allocates.
                let copy = if told { response.clone() } else { Bytes::new() };
                self.sessions.record(index, tag, response);
                Reply::Applied { index, response: copy }
            }
            Verdict::Repeat(index, response) => {
                mark!("command-repeated");
                Reply::Applied { index, response }
            }
            // Either way the client is told that it is not known here what came of it.
            Verdict::Expired | Verdict::Forgotten => Reply::SessionExpired,
            Verdict::OutOfWindow => {
                mark!("command-below-floor");
                Reply::OutOfWindow
            }
        })
    }

    fn apply_command(&mut self, index: LogIndex, command: &Bytes) -> Result<Bytes, Fatal> {
        let machine = &mut self.machine;
        catch_unwind(AssertUnwindSafe(|| machine.apply(index, command)))
            .map_err(|panic| Fatal::ApplyPanicked { index, panic: panic_text(panic.as_ref()) })
    }
}
