//! `cargo xtask evidence`: what runs came to, kept in `docs/evidence/` and told in `EVIDENCE.md`.
//!
//! | file | what |
//! |---|---|
//! | [`kinds`] | what is recorded, and by which command |
//! | [`limits`] | what it must come to |
//! | [`git`] | commits, and what sources they hold |
//! | [`origin`] | how a run came about, as it writes it down |
//! | [`record`] | the files of `docs/evidence/` |
//! | [`sections`] | what each says |
//! | [`page`] | `EVIDENCE.md` |

pub(crate) mod git;
pub(crate) mod kinds;
mod limits;
pub(crate) mod origin;
mod page;
mod record;
mod sections;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use kinds::{KINDS, Kind};
use record::{AsOf, Record, Records};

use crate::command::Cmd;
use crate::workspace::Workspace;

/// What to record before the page is written.
#[derive(Debug, clap::Args)]
pub(crate) struct EvidenceArgs {
    /// First runs what was never run, or of other sources, or came to something wrong; quick runs replace no longer ones
    #[arg(long, value_name = "HOW_LONG", num_args = 0..=1, default_missing_value = "quick")]
    run: Option<Level>,
    /// With --run: only these kinds, and even if they were run
    #[arg(long, value_name = "KIND", requires = "run", value_parser = kind_parser())]
    only: Vec<String>,
    /// First takes the result that a job wrote with --json
    #[arg(long, num_args = 2, value_names = ["KIND", "FILE"])]
    take: Vec<String>,
    /// A quick run may take the place of one that took longer
    #[arg(long)]
    force: bool,
}

/// How long runs may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    /// Minutes
    Quick,
    /// Hours
    Full,
}

/// At the top level, so that nobody has to look for it.
const PAGE: &str = "EVIDENCE.md";

pub(crate) fn run(workspace: &Workspace, args: &EvidenceArgs) -> Result<ExitCode> {
    for pair in args.take.chunks_exact(2) {
        let kind =
            kinds::named(&pair[0]).with_context(|| format!("there are the kinds {}", names().join(", ")))?;
        take(workspace, kind, Path::new(&pair[1]), args.force)?;
    }
    let all_ran = match args.run {
        Some(level) => run_all(workspace, level, args)?,
        None => true,
    };
    AsOf::now(workspace).write(workspace)?;
    let records = Records::read(workspace)?;
    let (page, rows) = page::write(&records)?;
    fs::write(workspace.root.join(PAGE), page).with_context(|| PAGE.to_owned())?;
    print!("{}", page::table(&rows));
    println!("{PAGE} is written");
    let wrong = wrong(&records);
    wrong.iter().for_each(|kind| println!("something is wrong in: {}", kind.title));
    Ok(if all_ran && wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Kinds whose records say of something that must not be.
fn wrong(records: &Records) -> Vec<&'static Kind> {
    let is_wrong = |kind: &&Kind| records.of(kind).is_some_and(|record| is_wrong(kind, record));
    KINDS.iter().filter(is_wrong).collect()
}

fn is_wrong(kind: &Kind, record: &Record) -> bool {
    sections::of_record(kind, record).map_or(true, |section| section.wrong)
}

/// Runs what is wanted; false if some of it failed, which is recorded as well.
fn run_all(workspace: &Workspace, level: Level, args: &EvidenceArgs) -> Result<bool> {
    let mut all_well = true;
    for kind in KINDS {
        let arguments = if level == Level::Quick { kind.quick } else { kind.full };
        let wanted = match args.only.as_slice() {
            [] => is_wanted(kind, level, &Records::read(workspace)?, &AsOf::now(workspace)),
            only => only.iter().any(|name| name == kind.name),
        };
        if !wanted {
            continue;
        }
        if arguments.is_empty() {
            println!("\n{}: there is no quick run of it; --run full", kind.name);
            all_well &= args.only.is_empty();
            continue;
        }
        let quick = level == Level::Quick && kind.has_quick();
        if !args.force && quick && Records::read(workspace)?.of(kind).is_some_and(|record| !record.quick) {
            println!("\n{}: there is a longer run of it; --force", kind.name);
            all_well = false;
            continue;
        }
        // One that comes to nothing does not end the others.
        all_well &= run_one(workspace, kind, arguments, args.force).unwrap_or_else(|error| {
            println!("error: {}: {error:#}", kind.name);
            false
        });
    }
    Ok(all_well)
}

fn is_wanted(kind: &Kind, level: Level, records: &Records, now: &AsOf) -> bool {
    let Some(record) = records.of(kind) else { return true };
    let stale = !record.changed(kind, now).is_empty();
    match level {
        Level::Quick if kind.has_quick() && !record.quick => false,
        Level::Full if record.quick => true,
        Level::Quick | Level::Full => stale || is_wrong(kind, record),
    }
}

fn run_one(workspace: &Workspace, kind: &Kind, arguments: &[&str], force: bool) -> Result<bool> {
    let file = workspace.target.join("evidence").join(format!("{}.json", kind.name));
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir)?;
    }
    // What an earlier run left is not what this one comes to.
    let _ = fs::remove_file(&file);
    let arguments = arguments.iter().map(ToString::to_string);
    let command = Cmd::xtask([]).args(arguments).args(["--json".to_owned(), file.display().to_string()]);
    println!("\n==> {}: {command}", kind.title);
    let code = command.run(workspace)?;
    ensure!(file.exists(), "it left no result");
    take(workspace, kind, &file, force)?;
    Ok(code == ExitCode::SUCCESS)
}

fn take(workspace: &Workspace, kind: &Kind, file: &Path, force: bool) -> Result<()> {
    let named = || file.display().to_string();
    let text = fs::read_to_string(file).with_context(named)?;
    let written = serde_json::from_str(&text).with_context(named)?;
    let record = Record::of(workspace, kind, written).with_context(named)?;
    // What cannot be told is not kept.
    if let Err(error) = sections::of(kind, &record.result) {
        bail!("{}: this is no result of {}: {error}", named(), kind.name);
    }
    let longer = Records::read(workspace)?.of(kind).is_some_and(|there| record.quick && !there.quick);
    ensure!(
        force || !longer,
        "{}: a quick run; what is there took longer; --force takes it all the same",
        named()
    );
    record.write(workspace, kind)
}

fn names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

fn kind_parser() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(names())
}

/// Writes what a job of xtask itself came to, with how it came about. Of sources that changed meanwhile no commit knows.
pub(crate) fn write(
    workspace: &Workspace,
    kind: &str,
    file: &Path,
    origin: &origin::Origin,
    mut result: serde_json::Value,
) -> Result<()> {
    let mut origin = origin.clone();
    if !origin.commit.ends_with('+') && !origin.is_of_same_sources(workspace, kind) {
        origin.commit.push('+');
    }
    result["origins"] = serde_json::json!([origin]);
    let text = serde_json::to_string_pretty(&result)? + "\n";
    fs::write(file, text).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::script;

    #[test]
    fn the_page_is_what_the_records_come_to() {
        let workspace = Workspace::find().unwrap();
        let (page, _) = page::write(&Records::read(&workspace).unwrap()).unwrap();
        let there = fs::read_to_string(workspace.root.join(PAGE)).unwrap();
        assert!(there == page, "{PAGE} differs from docs/evidence/: run `cargo xtask evidence`");
    }

    /// A workspace of nothing but a command that is to be `cargo xtask`.
    fn made_up(xtask: &str) -> (tempfile::TempDir, Workspace) {
        let (dir, workspace) = Workspace::made_up();
        let program = dir.path().join("xtask.sh");
        script(&program, xtask);
        (dir, Workspace { xtask: program, ..workspace })
    }

    fn args(run: Option<Level>, only: &[&str], take: &[String]) -> EvidenceArgs {
        let only = only.iter().map(ToString::to_string).collect();
        EvidenceArgs { run, only, take: take.into(), force: false }
    }

    const ORIGIN: &str = r#"{ "commit": "def", "date": "d", "command": "c", "machine": "m" }"#;
    const QUICK: &str = "cargo xtask sim --seeds 300";

    /// The file of a sweep that this command made.
    fn sweep(workspace: &Workspace, command: &str, events: u64) -> [String; 2] {
        let file = workspace.root.join("sim.json");
        let origin = ORIGIN.replace("\"c\"", &format!("\"{command}\""));
        let sim = format!(r#"{{ "origins": [{origin}], "events": {events}, "busy_nanos": {events} }}"#);
        fs::write(&file, sim).unwrap();
        ["sim".to_owned(), file.display().to_string()]
    }

    #[test]
    fn a_run_that_took_its_time_is_held_to_the_numbers_and_a_quick_one_is_not() {
        let (_dir, workspace) = made_up("");
        let enough = 2_000_000_000;
        for (command, events, code, says) in [
            (QUICK, 5, ExitCode::SUCCESS, "| def, quick, earlier sources |"),
            ("c", enough - 1, ExitCode::FAILURE, "NOT ENOUGH: 1999999999 of 2000000000 events |"),
            ("c", enough, ExitCode::SUCCESS, "2 000 000 000 events, no failure |"),
        ] {
            let take = sweep(&workspace, command, events);
            assert_eq!(run(&workspace, &args(None, &[], &take)).unwrap(), code, "{command} {events}");
            assert_eq!(run(&workspace, &args(None, &[], &[])).unwrap(), code, "{command} {events}");
            let page = fs::read_to_string(workspace.root.join(PAGE)).unwrap();
            assert!(page.contains(says), "{page}");
        }
    }

    #[test]
    fn a_quick_run_replaces_none_that_took_longer_unless_it_is_forced() {
        let script =
            format!(r#"for file; do :; done; echo '{{ "origins": [{ORIGIN}], "events": 7 }}' > "$file""#);
        let (_dir, workspace) = made_up(&script.replace("\"c\"", &format!("\"{QUICK}\"")));
        let events = || {
            let records = Records::read(&workspace).unwrap();
            records.of(kinds::named("sim").unwrap()).unwrap().result["events"].as_u64()
        };
        let long = sweep(&workspace, "c", 2_000_000_000);
        run(&workspace, &args(None, &[], &long)).unwrap();
        let quick = sweep(&workspace, QUICK, 5);
        assert!(run(&workspace, &args(None, &[], &quick)).is_err());
        let ran = args(Some(Level::Quick), &["sim"], &[]);
        assert_eq!(run(&workspace, &ran).unwrap(), ExitCode::FAILURE);
        assert_eq!(events(), Some(2_000_000_000));

        run(&workspace, &EvidenceArgs { force: true, ..args(None, &[], &quick) }).unwrap();
        assert_eq!(events(), Some(5));
        // One that is quick already is replaced without a word.
        assert_eq!(run(&workspace, &ran).unwrap(), ExitCode::SUCCESS);
        assert_eq!(events(), Some(7));
        run(&workspace, &args(None, &[], &sweep(&workspace, "c", 2_000_000_000))).unwrap();
        assert_eq!(run(&workspace, &EvidenceArgs { force: true, ..ran }).unwrap(), ExitCode::SUCCESS);
        assert_eq!(events(), Some(7));
    }

    #[test]
    fn what_is_taken_is_on_the_page_and_what_is_wrong_fails() {
        let (_dir, workspace) = made_up("");
        let root = &workspace.root;
        for (failures, code) in
            [("{}", ExitCode::SUCCESS), (r#"{ "1": { "what": "w" } }"#, ExitCode::FAILURE)]
        {
            let origin = ORIGIN.replace("\"c\"", &format!("\"{QUICK}\""));
            let sim = format!(r#"{{ "origins": [{origin}], "seeds": 5, "failures": {failures} }}"#);
            fs::write(root.join("sim.json"), sim).unwrap();
            let take = ["sim".to_owned(), root.join("sim.json").display().to_string()];
            assert_eq!(run(&workspace, &args(None, &[], &take)).unwrap(), code);
            // And as long as it stands there.
            assert_eq!(run(&workspace, &args(None, &[], &[])).unwrap(), code);
        }
        let page = fs::read_to_string(root.join(PAGE)).unwrap();
        assert!(
            page.contains(&format!("`{QUICK}` at commit `def` (d), on m."))
                && page.contains("5 seeds, 0 events, 1 FAILED")
        );
    }

    #[test]
    fn a_kind_that_fails_does_not_end_the_others() {
        // The last argument is the file: `sim` dies, `explore` says nothing of its commit, all others write.
        let script = format!(
            r#"for file; do :; done
            case "$1" in
                sim) exit 1;;
                explore) echo '{{ "scopes": [] }}' > "$file";;
                *) echo '{{ "origins": [{ORIGIN}], "targets": {{}} }}' > "$file";;
            esac"#
        );
        let (_dir, workspace) = made_up(&script);
        let only = ["sim", "explore", "fuzz"];
        let code = run(&workspace, &args(Some(Level::Quick), &only, &[])).unwrap();
        assert_eq!(code, ExitCode::FAILURE);
        let records = Records::read(&workspace).unwrap();
        let of = |name| records.of(kinds::named(name).unwrap());
        assert!(of("sim").is_none() && of("explore").is_none() && of("fuzz").is_some());
        // Mutants take hours.
        assert_eq!(run(&workspace, &args(Some(Level::Quick), &["mutants"], &[])).unwrap(), ExitCode::FAILURE);
    }

    #[test]
    fn a_result_of_nobody_knows_what_is_not_taken() {
        let workspace = Workspace::find().unwrap();
        let kind = kinds::named("sim").unwrap();
        for written in [r#"{ "seeds": 1 }"#, r#"{ "seeds": 1, "commit": "abc" }"#] {
            let refused = Record::of(&workspace, kind, serde_json::from_str(written).unwrap()).unwrap_err();
            assert!(refused.to_string().contains("of which commit"), "{refused}");
        }
    }

    #[test]
    fn what_changed_during_a_run_is_in_no_commit() {
        let (_dir, workspace) = made_up("");
        let file = workspace.root.join("sim.json");
        let origin: origin::Origin = serde_json::from_str(ORIGIN).unwrap();
        let here = Workspace::find().unwrap();
        let of_now = origin::Origin::of(&here, "sim");
        for (workspace, origin, commit) in
            [(&workspace, &origin, "def+"), (&here, &of_now, of_now.commit.as_str())]
        {
            write(workspace, "sim", &file, origin, serde_json::json!({})).unwrap();
            let written: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            assert_eq!(written["origins"][0]["commit"], commit);
        }
    }

    #[test]
    fn a_run_is_quick_by_its_command() {
        let workspace = Workspace::find().unwrap();
        // Of the pace there is but one.
        for (kind, command, quick) in [
            ("sim", QUICK, true),
            ("sim", "cargo xtask sim --seeds 301", false),
            ("sim", "cargo xtask sim --jobs=1 --seeds 300", true),
            ("explore", "cargo xtask explore --quick --jobs 1", true),
            ("explore", "cargo xtask explore --jobs 1", false),
            ("pace", "cargo xtask sim pace", false),
        ] {
            let kind = kinds::named(kind).unwrap();
            let origin = ORIGIN.replace("\"c\"", &format!("\"{command}\""));
            let written = serde_json::from_str(&format!(r#"{{ "origins": [{origin}] }}"#)).unwrap();
            assert_eq!(Record::of(&workspace, kind, written).unwrap().quick, quick);
        }
    }

    #[test]
    fn what_was_run_of_these_sources_is_not_run_again() {
        let kind = kinds::named("sim").unwrap();
        let workspace = Workspace::find().unwrap();
        let now = AsOf::now(&workspace);
        let sources = kind.sources.iter().map(|path| ((*path).to_owned(), "same".to_owned()));
        let sources: std::collections::BTreeMap<_, _> = sources.collect();
        let same = AsOf { sources: sources.clone(), ..AsOf::default() };
        let of = |quick, result| {
            let record = Record { origins: Vec::new(), sources: sources.clone(), quick, result };
            Records::made_up(AsOf::default(), [("sim", record)])
        };
        let records = |quick| {
            of(quick, serde_json::json!({ "events": 2_000_000_000_u64, "busy_nanos": 2_000_000_000_u64 }))
        };
        for level in [Level::Quick, Level::Full] {
            assert!(is_wanted(kind, level, &records(true), &now));
            assert!(is_wanted(kind, level, &Records::default(), &same));
            assert!(!is_wanted(kind, level, &records(false), &same));
        }
        assert!(!is_wanted(kind, Level::Quick, &records(true), &same));
        assert!(is_wanted(kind, Level::Full, &records(true), &same), "it was only quick");
        assert!(is_wanted(kind, Level::Full, &records(false), &now));
        assert!(!is_wanted(kind, Level::Quick, &records(false), &now), "the longer run is lost");
        let wrong = of(false, serde_json::json!({ "failures": { "1": { "what": "w" } } }));
        assert!(is_wanted(kind, Level::Full, &wrong, &same));
    }
}
