//! Proof that the tests bite: real bugs of real systems, each a small change that exists only in a
//! build with `--cfg seeded_bugs`, switched on one at a time. The test that is named for a bug must
//! pass without it and fail with it.

mod record;
mod simulator;
mod simulator_rows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use simulator::Sim;

use crate::command::Cmd;
use crate::step::test_counts;
use crate::workspace::Workspace;

struct SeededBug {
    /// What `SEEDED_BUG` is set to.
    name: &'static str,
    package: &'static str,
    /// The test that finds it, as `cargo test` takes it.
    test: &'static str,
    /// What it does, in the words of the systems that had it.
    class: &'static str,
}

/// `docs/testing.md` tells their stories.
const BUGS: &[SeededBug] = &[
    SeededBug {
        name: "sync-skipped",
        package: "raft",
        test: "what_was_reported_durable_survives_a_crash",
        class: "a write is reported durable before it was synced",
    },
    SeededBug {
        name: "vote-before-durable",
        package: "raft",
        test: "a_vote_is_said_only_when_it_is_durable",
        class: "a vote leaves the node before it is on disk",
    },
    SeededBug {
        name: "commit-old-term",
        package: "raft",
        test: "figure_8_an_entry_of_an_old_term_is_not_committed_by_counting",
        class: "replicas of an entry of an old term are counted (Figure 8)",
    },
    SeededBug {
        name: "torn-tail-cut-below-durable",
        package: "raft",
        test: "every_flipped_bit_is_harmless_or_named_or_only_costs_what_was_not_known_durable",
        class: "damage to durable entries is taken for a torn tail and cut away",
    },
    SeededBug {
        name: "unreadable-end-cut",
        package: "raft",
        test: "a_sector_that_cannot_be_read_is_damage_and_never_a_torn_tail",
        class: "the end of a log that cannot be read is taken for a torn tail",
    },
    SeededBug {
        name: "tail-not-rewritten",
        package: "raft",
        test: "a_failure_of_every_sync_loses_nothing_reported",
        class: "what a failed sync left in the page cache is believed after a restart",
    },
    SeededBug {
        name: "spare-adopted-unsynced",
        package: "raft",
        test: "a_spare_that_a_life_finds_has_a_durable_name_before_it_is_written_to",
        class: "a segment made ahead is written to after a restart although its name is not durable",
    },
    SeededBug {
        name: "snapshot-adopted-unsynced",
        package: "raft",
        test: "every_crash_point_with_every_subset_of_what_is_not_durable",
        class: "a snapshot whose name is not durable is relied on after a restart",
    },
    SeededBug {
        name: "last-segment-recycled",
        package: "raft",
        test: "compaction_never_takes_the_term_and_vote_with_it",
        class: "compaction removes the file that holds the newest term and vote",
    },
    SeededBug {
        name: "durable-kept-after-truncation",
        package: "raft",
        test: "truncation_lowers_what_was_already_durable",
        class: "a durable index is kept after the log was truncated below it",
    },
    SeededBug {
        name: "late-completion-raises",
        package: "raft",
        test: "an_acknowledgement_that_a_truncation_overtook_is_never_said",
        class: "a late completion vouches for entries that were truncated meanwhile",
    },
    SeededBug {
        name: "repairing-node-votes",
        package: "raft",
        test: "a_damaged_node_votes_only_for_a_log_that_holds_what_it_lost",
        class: "a node that lost entries takes part in deciding that they were not committed",
    },
    SeededBug {
        name: "repair-match-kept",
        package: "raft",
        test: "a_leader_sends_again_what_a_peer_had_acknowledged_and_lost",
        class: "a leader ignores rejections below match_index and never repairs a damaged peer",
    },
    SeededBug {
        name: "damaged-log-committed",
        package: "raft",
        test: "a_heartbeat_commits_nothing_of_a_damaged_log",
        class: "a commit index that goes by what matched before the damage commits what replaced it",
    },
    SeededBug {
        name: "repair-kept-quiet",
        package: "raft",
        test: "a_repairing_node_says_in_every_answer_what_it_lacks",
        class: "an idle leader does not learn that a peer lost what it had acknowledged",
    },
    SeededBug {
        name: "log-suffix-kept-after-install",
        package: "raft",
        test: "an_installed_snapshot_replaces_a_log_that_does_not_hold_its_end",
        class: "a log that conflicts with an installed snapshot keeps its end",
    },
    SeededBug {
        name: "snapshot-acked-before-durable",
        package: "raft",
        test: "an_installed_snapshot_replaces_a_log_that_does_not_hold_its_end",
        class: "a snapshot is acknowledged before the log that begins behind it is on disk",
    },
    SeededBug {
        name: "snapshot-over-newer-log",
        package: "raft",
        test: "a_snapshot_never_replaces_what_is_known_to_be_committed_as_far",
        class: "an older snapshot takes the place of a newer state",
    },
    SeededBug {
        name: "sessions-missing-from-snapshot",
        package: "raft",
        test: "a_snapshot_holds_the_sessions",
        class: "a snapshot without the sessions lets a repeat take effect twice",
    },
    SeededBug {
        name: "replies-unbounded",
        package: "raft",
        test: "the_replies_of_a_session_are_bounded_and_the_newest_stay",
        class: "sessions keep more than a snapshot can be read with, and the log is compacted against it",
    },
    SeededBug {
        name: "forgotten-reply-applied-again",
        package: "raft",
        test: "a_command_whose_reply_is_forgotten_is_not_applied_again",
        class: "with the reply the session forgets the command, and a repeat takes effect",
    },
    SeededBug {
        name: "snapshot-renamed-before-sync",
        package: "raft",
        test: "what_was_stored_survives_every_crash",
        class: "a snapshot gets its name before its content is durable",
    },
    SeededBug {
        name: "snapshot-directory-not-synced",
        package: "raft",
        test: "what_was_stored_survives_every_crash",
        class: "a snapshot counts before its name is durable",
    },
    SeededBug {
        name: "snapshot-not-read-back",
        package: "raft",
        test: "a_snapshot_that_is_not_what_was_written_is_not_stored",
        class: "a snapshot takes the place of the one before although the disk has another",
    },
    SeededBug {
        name: "named-snapshot-forgotten",
        package: "raft",
        test: "a_named_snapshot_that_another_replaces_is_known",
        class: "a snapshot that is given up stays under its name, known to nobody",
    },
    SeededBug {
        name: "snapshot-named-over-another",
        package: "raft",
        test: "every_file_is_known_and_holds_what_it_is_known_for",
        class: "a leader's snapshot takes the place of this node's own of the same index",
    },
    SeededBug {
        name: "foreign-snapshot-passed-over",
        package: "raft",
        test: "a_snapshot_of_a_newer_format_or_another_cluster_is_refused_and_nothing_touched",
        class: "what a newer version of the software wrote is taken for damage, and removed later on",
    },
    SeededBug {
        name: "snapshot-read-on-after-damage",
        package: "raft",
        test: "of_a_damaged_chunk_nothing_is_handed_on",
        class: "a state is built from bytes that follow damage",
    },
    SeededBug {
        name: "scrub-believes-the-cache",
        package: "raft",
        test: "a_write_that_never_reached_the_disk_is_found",
        class: "what is read again comes from memory, where nothing rots",
    },
    SeededBug {
        name: "eager-write-of-the-current-value",
        package: "history-checker",
        test: "every_pruning_agrees_with_every_order_tried",
        class: "a write of the value that is there is taken at once, and missing later",
    },
    SeededBug {
        name: "stranding-ignores-open",
        package: "history-checker",
        test: "every_pruning_agrees_with_every_order_tried",
        class: "a state counts as lost although an open write can bring it back",
    },
    SeededBug {
        name: "lazy-ignores-differences",
        package: "history-checker",
        test: "every_pruning_agrees_with_every_order_tried",
        class: "an open write counts as useless where only a failed cas shows it",
    },
    SeededBug {
        name: "lazy-cuts-chains",
        package: "history-checker",
        test: "every_pruning_agrees_with_every_order_tried",
        class: "an open write counts as useless where an open cas needs it for another's sake",
    },
    SeededBug {
        name: "symmetry-latest-first",
        package: "history-checker",
        test: "every_pruning_agrees_with_every_order_tried",
        class: "of equal open operations the one that was invoked last is used first",
    },
    SeededBug {
        name: "dominance-by-number",
        package: "history-checker",
        test: "it_matters_which_open_operation_was_used_and_not_how_many",
        class: "having used fewer open operations counts as better, whichever they are",
    },
    SeededBug {
        name: "search-precedence-not-strict",
        package: "history-checker",
        test: "every_pruning_agrees_with_every_order_tried",
        class: "a return at the moment of an invocation counts as before it, in the search",
    },
    SeededBug {
        name: "zones-precedence-not-strict",
        package: "history-checker",
        test: "zones_agree_with_every_order_tried",
        class: "the same in the zones",
    },
    SeededBug {
        name: "zones-observed-open-write-dropped",
        package: "history-checker",
        test: "zones_agree_with_every_order_tried",
        class: "an open write is left out although its value was observed",
    },
    SeededBug {
        name: "zones-chain-torn",
        package: "history-checker",
        test: "zones_agree_with_every_order_tried",
        class: "something that was invoked later comes between two links of a chain of cas",
    },
    SeededBug {
        name: "stream-settles-too-early",
        package: "history-checker",
        test: "what_it_decides_is_what_every_order_tried_decides",
        class: "a value is forgotten while a read is in flight that may have seen it",
    },
];

/// For a bug that is named: none may need more.
const ALL_SEEDS: u64 = 1000;

/// Which bugs to try.
#[derive(clap::Args)]
pub(crate) struct SeededBugsArgs {
    /// Only this one
    name: Option<String>,
    /// Show the tests' output
    #[arg(long)]
    show: bool,
    /// So many seeds of the simulator for each bug, also for those that need many
    #[arg(long)]
    seeds: Option<u64>,
    /// Writes to this file what all came to
    #[arg(long, conflicts_with = "name")]
    json: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Found,
    /// The test passes with the bug on: a hole in the tests.
    Missed,
    /// The test fails without the bug, so its failing proves nothing.
    Broken,
    /// No test of that name ran.
    NoTest,
}

pub(crate) fn run(workspace: &Workspace, args: &SeededBugsArgs) -> Result<ExitCode> {
    let wanted = |bug: &&SeededBug| args.name.as_ref().is_none_or(|name| bug.name == name);
    let bugs: Vec<&SeededBug> = BUGS.iter().filter(wanted).collect();
    let rows = simulator::rows(args.name.as_deref());
    if bugs.is_empty() && rows.is_empty() {
        let unit = BUGS.iter().map(|bug| bug.name);
        let names: Vec<&str> = unit.chain(simulator::rows(None).iter().map(|row| row.name)).collect();
        bail!(
            "no seeded bug is called `{}`; there are {}",
            args.name.as_deref().unwrap_or(""),
            names.join(", ")
        );
    }
    let origin = record::origin(workspace);
    let mut results = Vec::new();
    for bug in bugs {
        println!("{}: {}", bug.name, bug.class);
        let verdict = try_one(workspace, bug, args.show)?;
        println!("    {}", verdict.word());
        results.push((bug, verdict));
    }
    let simulated = simulate(workspace, &rows, args)?;
    print!("\n{}\n{}\n{}", simulator::table(&simulated), table(&results), count(&results, &simulated));
    if let Some(file) = &args.json {
        record::write(file, &origin, &results, &simulated)?;
    }
    let by_tests = results.iter().all(|(_, verdict)| *verdict == Verdict::Found);
    let by_seeds = simulated.iter().all(|(_, sim)| !matches!(sim, Sim::Missed { .. }));
    Ok(if by_tests && by_seeds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn simulate<'a>(
    workspace: &Workspace,
    rows: &[&'a simulator::Row],
    args: &SeededBugsArgs,
) -> Result<Vec<(&'a simulator::Row, Sim)>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    simulator::build(workspace, args.show)?;
    let seeds = args.seeds.or_else(|| args.name.is_some().then_some(ALL_SEEDS));
    let hunt = |row: &&'a simulator::Row| Ok((*row, simulator::hunt(workspace, row, seeds)?));
    rows.iter().map(hunt).collect()
}

fn try_one(workspace: &Workspace, bug: &SeededBug, show: bool) -> Result<Verdict> {
    let target = workspace.target.join("seeded-bugs");
    // A target directory of its own: the flag would otherwise rebuild everything, back and forth.
    let build = Cmd::cargo(["test", "--package", bug.package, "--lib", "--tests"])
        // Built anew where everything else is cached: compiling fast matters more than running fast.
        .args(["--config", "profile.dev.package.'*'.opt-level=0"].map(str::to_owned))
        .args(["--target-dir".to_owned(), target.to_string_lossy().into_owned(), bug.test.to_owned()])
        .env("RUSTFLAGS", "--cfg seeded_bugs");

    let without = build.watch(workspace, show)?;
    let (passed, failed) = test_counts(&without.lines);
    if !without.success || passed + failed == 0 {
        if !show {
            without.lines.iter().for_each(|line| println!("    {line}"));
        }
        println!("    to see it again: {build}");
        return Ok(if without.success { Verdict::NoTest } else { Verdict::Broken });
    }

    let with = build.env("SEEDED_BUG", bug.name);
    let outcome = with.watch(workspace, show)?;
    println!("    {with}");
    // A run that ends without a failed test (a build error, say) has found nothing.
    let failed = test_counts(&outcome.lines).1;
    Ok(if !outcome.success && failed > 0 { Verdict::Found } else { Verdict::Missed })
}

fn table(results: &[(&SeededBug, Verdict)]) -> String {
    let name = results.iter().map(|(bug, _)| bug.name.len()).max().unwrap_or(0).max("bug".len());
    let mut text = format!("{:name$}  found    by\n", "bug");
    for (bug, verdict) in results {
        let found = if *verdict == Verdict::Found { "yes" } else { "NO" };
        text += &format!("{:name$}  {found:7}  {}: {}\n", bug.name, bug.package, bug.test);
    }
    text
}

/// One line, the last: a bug counts once for its test and once for its seeds, where those were tried.
fn count(results: &[(&SeededBug, Verdict)], simulated: &[(&simulator::Row, Sim)]) -> String {
    let tests = results.iter().filter(|(_, verdict)| *verdict == Verdict::Found).count();
    let tried: Vec<_> = simulated.iter().filter(|(_, sim)| *sim != Sim::Skipped).collect();
    let seeds =
        tried.iter().filter(|(_, sim)| matches!(sim, Sim::Found { .. } | Sim::Explored { .. })).count();
    format!(
        "by tests {tests} of {}, by the simulator {seeds} of {} seeded bugs found\n",
        results.len(),
        tried.len()
    )
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Verdict::Found => "found",
            Verdict::Missed => "MISSED: the test passes with the bug on",
            Verdict::Broken => "BROKEN: the test fails, or does not build, without the bug",
            Verdict::NoTest => "NO TEST of that name ran",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_bug_and_counts_the_found() {
        let bug = SeededBug { name: "bug-a", package: "raft", test: "finds_a", class: "" };
        let other = SeededBug { name: "b", package: "raft", test: "finds_b", class: "" };
        let text = table(&[(&bug, Verdict::Found), (&other, Verdict::NoTest)]);
        assert_eq!(
            text,
            "bug    found    by\n\
             bug-a  yes      raft: finds_a\n\
             b      NO       raft: finds_b\n"
        );
        let counted = count(&[(&bug, Verdict::Found), (&other, Verdict::NoTest)], &[]);
        assert_eq!(counted, "by tests 1 of 2, by the simulator 0 of 0 seeded bugs found\n");
    }

    #[test]
    fn names_are_unique() {
        for (i, bug) in BUGS.iter().enumerate() {
            assert!(BUGS[..i].iter().all(|earlier| earlier.name != bug.name), "{} twice", bug.name);
        }
    }
}
