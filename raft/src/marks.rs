//! Coverage marks: situations that a large enough sweep of the simulator must have seen. `mark!("name")` stands where
//! one arises; without the feature `simulation`, which nothing but a simulator turns on, that is no code at all.

/// A situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What `mark!` calls it.
    pub name: &'static str,
    /// Where it arises.
    pub area: Area,
    /// What has happened.
    pub meaning: &'static str,
    /// So many seeds of the simulator are all but certain to see it.
    pub within: u64,
}

/// A part of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// `consensus`.
    Consensus,
    /// `server`, `session` and `pump`.
    Server,
    /// `storage`.
    Storage,
}

/// Every mark.
#[rustfmt::skip]
pub const ALL: &[Mark] = &[
    consensus("pre-vote-refused-for-live-leader", "a pre-vote is refused since a leader was heard"),
    consensus("pre-vote-refused-to-shorter-log", "a pre-vote is refused to a log that ends earlier"),
    consensus("pre-vote-answered-from-higher-term", "the answer to a pre-vote shows that its sender fell behind"),
    consensus("vote-refused-to-shorter-log", "a vote is refused to a log that ends earlier (§5.4.1)"),
    consensus("vote-refused-as-already-given", "a vote is refused since another candidate of the term has it"),
    consensus("vote-refused-for-live-leader", "a candidate's higher term is ignored since a leader was heard"),
    consensus("vote-given-again", "a candidate that has the vote asks once more"),
    consensus("vote-asked-in-earlier-term", "a candidate asks in a term that is over"),
    consensus("vote-counted-late", "a vote reaches a node that has won or given up"),
    consensus("election-without-winner", "a candidate's election ends with its timeout (§5.2)"),
    consensus("election-alone", "a cluster of one elects its node"),
    consensus("candidate-met-leader", "a candidate hears the leader of its own term (§5.2)"),
    consensus("leader-deposed-by-higher-term", "a leader hears of a higher term"),
    consensus("check-quorum-stepped-down", "a leader that no majority answers steps down"),
    consensus("slow-disk-stepped-down", "a leader whose write takes too long steps down").within(3_000),
    consensus("full-disk-stepped-down", "a leader or candidate whose disk is full gives up"),
    consensus("held-answer-dropped", "what waited for the disk is not said: its term is over"),
    consensus("old-term-entry-committed-by-successor", "an old term's entry is committed with one of the leader's own"),
    consensus("old-term-majority-not-committed", "a majority holds entries of an old term only: not committed (§5.4.2, Figure 8)"),
    consensus("committed-before-own-disk", "a majority of others commits what is not yet durable at the leader"),
    consensus("append-from-earlier-term", "a leader of an earlier term is refused"),
    consensus("append-reply-from-earlier-term", "an answer to this leader of an earlier term counts for nothing"),
    consensus("append-behind-gap", "an append does not reach back to the end of the log"),
    consensus("append-behind-other-term", "an append follows an entry of another term"),
    consensus("append-repeats-entries", "an append brings entries that are there"),
    consensus("append-before-base", "an append begins before what is left of the log"),
    consensus("conflicting-entries-truncated", "entries give way to those of a leader"),
    consensus("durable-entries-truncated", "the same, of entries that were durable"),
    consensus("append-refused-by-full-disk", "a follower has no room for what an append brings"),
    consensus("request-given-up", "an append counts as lost"),
    consensus("rejection-counted-late", "a rejection that was given up moves the probe"),
    consensus("rejection-ignored", "a rejection says nothing new"),
    consensus("commit-told-by-heartbeat", "a follower learns of a commit from a heartbeat"),
    consensus("read-waits-for-noop", "a read waits for the first commit of the term"),
    consensus("read-waits-for-next-round", "a read that comes during a round waits for the round after it"),
    consensus("read-confirmed-by-its-round", "a majority confirms a round that began after the read"),
    consensus("read-refused-at-end-of-term", "a read is unanswered when its leader steps down"),
    consensus("proposal-refused-as-overload", "too much is uncommitted for another command"),
    consensus("proposal-refused-by-full-disks", "a majority has no room for another command"),
    consensus("damaged-node-does-not-campaign", "a node that lost entries lets its timeout pass").within(3_000),
    consensus("vote-refused-by-damaged-log", "a vote is refused to a log that lacks what the voter lost").within(3_000),
    consensus("leader-learns-what-was-lost", "a leader takes back what a damaged peer had acknowledged").within(3_000),
    consensus("damaged-log-repaired", "a log holds again all that it lost").within(3_000),
    consensus("log-compacted", "entries that a snapshot holds leave the log"),
    consensus("compaction-waits-for-peer", "entries that a peer in reach needs stay"),
    consensus("compaction-leaves-peer-behind", "too much was kept for a peer: it will need the snapshot"),
    consensus("transfer-begun", "a peer needs what is no longer in the log"),
    consensus("transfer-resumed", "a transfer goes on where an earlier one, or another leader's, ended"),
    consensus("transfer-begun-again", "what the peer had of a snapshot is gone"),
    consensus("transfer-probed-again", "pieces or answers are lost, and a probe asks from where to go on"),
    consensus("transfer-ended-by-log", "the log helps before the snapshot has arrived").within(3_000),
    consensus("transfer-replaced-at-receiver", "another snapshot takes the place of one that is arriving"),
    consensus("piece-of-older-snapshot-ignored", "a piece comes late, of a snapshot that its leader has a newer one of").within(10_000),
    consensus("snapshot-piece-out-of-order", "a piece or probe is answered with where to go on"),
    consensus("snapshot-refused-as-committed", "a snapshot arrives where as much is committed"),
    consensus("snapshot-over-conflicting-log", "a snapshot takes the place of a log that has another entry at its end").within(3_000),
    consensus("snapshot-over-short-log", "a snapshot takes the place of a log that does not reach its end"),
    consensus("snapshot-within-log", "a snapshot is installed and the log goes on behind it").within(3_000),

    server("uncommitted-told-unknown", "who waits for what is not committed is told, at the end of a term, that nobody knows"),
    server("read-waits-for-apply", "a confirmed read waits for the state machine").within(10_000),
    server("command-repeated", "a repeated command is answered from the session"),
    server("command-below-floor", "a command that its client was done with comes again").within(3_000),
    server("snapshot-frozen", "a snapshot is begun"),
    server("snapshot-failed", "a snapshot of one's own comes to nothing"),
    server("snapshot-installed", "a received snapshot takes the place of the state"),
    server("snapshot-installed-too-late", "a received snapshot holds nothing new any more").within(10_000),
    server("received-snapshot-refused", "what arrived of a snapshot is of no use").within(3_000),
    server("restart-from-snapshot", "a node starts with a snapshot's state"),
    server("restart-with-damaged-log", "a node starts with a log that lost entries").within(3_000),
    server("incarnation-refused-at-start", "a node that lost its disk does not start under its old id").within(3_000),
    server("disk-full-noticed", "there is no room for the next segment"),
    server("disk-has-room-again", "there is room again after there was none"),

    storage("group-commit", "a write goes with one that waits for the disk"),
    storage("segment-begun", "the log goes on in the next segment"),
    storage("write-waits-for-segment", "a batch waits for the next segment"),
    storage("durability-marked", "it is written down that all is durable"),
    storage("segment-removed", "a segment that a snapshot stands for goes"),
    storage("compaction-waits-for-new-segment", "a segment stays since term and vote stand nowhere else"),
    storage("sync-failed", "a write or sync fails, and the log ends"),
    storage("segment-without-room", "making the next segment fails for want of room"),
    storage("torn-payload-cut", "the log ends with a batch whose payload is not whole").within(3_000),
    storage("torn-header-cut", "the log ends with the remains of a header"),
    storage("unsynced-tail-rewritten", "what may not be durable is written again at the start"),
    storage("intact-batch-behind-tear-cut", "the log ends before batches that are whole").within(3_000),
    storage("damage-below-durable", "bytes that were durable are not what was written"),
    storage("damage-made-good-by-log", "nothing that counts is lost with what is damaged"),
    storage("damage-lost-entries", "entries that may have been acknowledged are lost").within(3_000),
    storage("spare-segment-adopted", "a segment that an earlier life made is found blank"),
    storage("log-behind-snapshot", "the log on disk ends before the snapshot").within(3_000),
    storage("term-behind-snapshot", "a snapshot is durable, and the term of its last entry is not").within(1_000_000),
    storage("log-branches-from-snapshot", "the log on disk has another entry at the snapshot's end").within(3_000),
    storage("unfinished-snapshot-swept", "the remains of an unfinished snapshot are removed"),
    storage("snapshot-read-back", "a snapshot is read back whole before it gets its name"),
    storage("snapshot-without-room", "a snapshot fails for want of room"),
    storage("received-snapshot-given-up", "what is received gives way to what is as new or newer").within(10_000),
    storage("old-snapshot-removed", "a snapshot that nobody needs goes"),
    storage("segment-read-again", "a segment is read again, and is what was written"),
];

impl Mark {
    const fn new(area: Area, name: &'static str, meaning: &'static str) -> Mark {
        Mark { name, area, meaning, within: 300 }
    }

    /// Of one that is rarer.
    const fn within(self, seeds: u64) -> Mark {
        Mark { within: seeds, ..self }
    }
}

const fn consensus(name: &'static str, meaning: &'static str) -> Mark {
    Mark::new(Area::Consensus, name, meaning)
}

const fn server(name: &'static str, meaning: &'static str) -> Mark {
    Mark::new(Area::Server, name, meaning)
}

const fn storage(name: &'static str, meaning: &'static str) -> Mark {
    Mark::new(Area::Storage, name, meaning)
}

/// How often each of [`ALL`] was reached.
pub type Counts = [u64; ALL.len()];

/// A situation has arisen. One that [`ALL`] does not name does not compile, with or without the feature.
macro_rules! mark {
    ($name:literal) => {{
        const NUMBER: usize = $crate::marks::number($name);
        $crate::marks::reached(NUMBER);
    }};
    ($name:literal if $situation:expr) => {{
        const NUMBER: usize = $crate::marks::number($name);
        if cfg!(feature = "simulation") && $situation {
            $crate::marks::reached(NUMBER);
        }
    }};
}
pub(crate) use mark;

/// Where a mark stands in [`ALL`].
pub(crate) const fn number(name: &str) -> usize {
    let mut number = 0;
    while number < ALL.len() {
        if same(ALL[number].name.as_bytes(), name.as_bytes()) {
            return number;
        }
        number += 1;
    }
    panic!("marks::ALL does not name this mark")
}

const fn same(one: &[u8], two: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < two.len() && one[at] == two[at] {
        at += 1;
    }
    at == one.len() && at == two.len()
}

#[cfg(not(feature = "simulation"))]
pub(crate) const fn reached(_: usize) {}

/// What does not run for a node's sake reaches no mark.
#[cfg(not(feature = "simulation"))]
pub(crate) fn unmarked<T>(run: impl FnOnce() -> T) -> T {
    run()
}

#[cfg(feature = "simulation")]
pub use counting::{counts, forget};
#[cfg(feature = "simulation")]
pub(crate) use counting::{reached, unmarked};

/// Each thread counts for itself: a run is on one.
#[cfg(feature = "simulation")]
mod counting {
    use std::cell::Cell;

    use super::{ALL, Counts};

    thread_local! {
        static COUNTS: [Cell<u64>; ALL.len()] = const { [const { Cell::new(0) }; ALL.len()] };
        static PAUSED: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) fn reached(number: usize) {
        if !PAUSED.get() {
            COUNTS.with(|counts| counts[number].update(|count| count + 1));
        }
    }

    /// What does not run for a node's sake reaches no mark.
    pub(crate) fn unmarked<T>(run: impl FnOnce() -> T) -> T {
        let before = PAUSED.replace(true);
        let result = run();
        PAUSED.set(before);
        result
    }

    /// What was reached on this thread since [`forget`].
    #[must_use]
    pub fn counts() -> Counts {
        COUNTS.with(|counts| std::array::from_fn(|number| counts[number].get()))
    }

    /// Counts from nothing again.
    pub fn forget() {
        COUNTS.with(|counts| counts.iter().for_each(|count| count.set(0)));
        // What was paused may have ended with a panic.
        PAUSED.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn names_are_unique_and_their_own() {
        for (place, mark) in ALL.iter().enumerate() {
            assert_eq!(number(mark.name), place, "{}", mark.name);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads the sources")]
    fn every_mark_stands_somewhere_in_its_area() {
        let mut used = BTreeMap::new();
        uses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
        for Mark { name, area, .. } in ALL {
            let within: &[&str] = match area {
                Area::Consensus => &["/src/consensus/"],
                Area::Server => &["/src/server", "/src/session", "/src/pump/"],
                Area::Storage => &["/src/storage/"],
            };
            let file = used.get(*name).unwrap_or_else(|| panic!("{name} stands nowhere"));
            assert!(within.iter().any(|area| file.contains(area)), "{name} stands in {file}");
        }
    }

    /// The names behind `mark!`, and a file of each.
    fn uses(dir: &Path, used: &mut BTreeMap<String, String>) {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                uses(&path, used);
            } else if !path.ends_with("marks.rs") {
                let text = fs::read_to_string(&path).unwrap();
                for rest in text.split("mark!(\"").skip(1) {
                    let name = rest.split('"').next().unwrap_or_default();
                    used.insert(name.to_owned(), path.display().to_string());
                }
            }
        }
    }

    #[test]
    #[cfg(feature = "simulation")]
    #[allow(clippy::disallowed_methods, reason = "the test is about threads")]
    fn each_thread_counts_what_is_reached_on_it_and_not_paused() {
        const MARK: usize = number("election-alone");
        forget();
        reached(MARK);
        unmarked(|| reached(MARK));
        std::thread::spawn(|| reached(MARK)).join().unwrap();
        reached(MARK);
        assert_eq!(counts()[MARK], 2);
        forget();
        assert_eq!(counts(), [0; ALL.len()]);
    }
}
