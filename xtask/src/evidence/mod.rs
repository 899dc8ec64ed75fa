//! `cargo xtask evidence`: what runs came to, kept in `docs/evidence/` and told in `EVIDENCE.md`.
//!
//! | file | what |
//! |---|---|
//! | [`kinds`] | what is recorded, and by which command |
//! | [`git`] | commits, and what sources they hold |
//! | [`origin`] | how a run came about, as it writes it down |
//! | [`record`] | the files of `docs/evidence/` |
//! | [`sections`] | what each says |
//! | [`page`] | `EVIDENCE.md` |

mod git;
pub(crate) mod kinds;
pub(crate) mod origin;
mod page;
mod record;
mod sections;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use kinds::{KINDS, Kind};
use record::{AsOf, Record, Records};

use crate::command::Cmd;
use crate::workspace::Workspace;

/// What to record before the page is written.
#[derive(Debug, clap::Args)]
pub(crate) struct EvidenceArgs {
    /// First runs what was never run, or of other sources; quick runs replace no longer ones
    #[arg(long, value_name = "HOW_LONG", num_args = 0..=1, default_missing_value = "quick")]
    run: Option<Level>,
    /// With --run: only these kinds, and even if they were run
    #[arg(long, value_name = "KIND", requires = "run", value_parser = kind_parser())]
    only: Vec<String>,
    /// First takes the result that a job wrote with --json
    #[arg(long, num_args = 2, value_names = ["KIND", "FILE"])]
    take: Vec<String>,
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
        take(workspace, kind, false, Path::new(&pair[1]))?;
    }
    for kind in KINDS {
        if let Some(file) = record::as_written(workspace, kind)? {
            take(workspace, kind, false, &file)?;
        }
    }
    let all_well = match args.run {
        Some(level) => run_all(workspace, level, &args.only)?,
        None => true,
    };
    AsOf::now(workspace).write(workspace)?;
    let (page, rows) = page::write(&Records::read(workspace)?)?;
    fs::write(workspace.root.join(PAGE), page).with_context(|| PAGE.to_owned())?;
    print!("{}", page::table(&rows));
    println!("{PAGE} is written");
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs what is wanted; false if some of it failed, which is recorded as well.
fn run_all(workspace: &Workspace, level: Level, only: &[String]) -> Result<bool> {
    let mut all_well = true;
    for kind in KINDS {
        let arguments = if level == Level::Quick { kind.quick } else { kind.full };
        let wanted = match only {
            [] => is_wanted(kind, level, &Records::read(workspace)?, &AsOf::now(workspace)),
            only => only.iter().any(|name| name == kind.name),
        };
        if wanted && !arguments.is_empty() {
            all_well &= run_one(workspace, kind, level, arguments)?;
        }
    }
    Ok(all_well)
}

fn is_wanted(kind: &Kind, level: Level, records: &Records, now: &AsOf) -> bool {
    let Some(record) = records.of(kind) else { return true };
    (record.quick || level == Level::Full) && !record.changed(kind, now).is_empty()
}

fn run_one(workspace: &Workspace, kind: &Kind, level: Level, arguments: &[&str]) -> Result<bool> {
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
    if file.exists() {
        take(workspace, kind, level == Level::Quick, &file)?;
    } else {
        println!("it left no result");
    }
    Ok(code == ExitCode::SUCCESS && file.exists())
}

fn take(workspace: &Workspace, kind: &Kind, quick: bool, file: &Path) -> Result<()> {
    let named = || file.display().to_string();
    let text = fs::read_to_string(file).with_context(named)?;
    let written = serde_json::from_str(&text).with_context(named)?;
    let record = Record::of(workspace, kind, written).with_context(named)?;
    // What cannot be told is not kept.
    if let Err(error) = sections::of(kind, &record.result) {
        bail!("{}: this is no result of {}: {error}", named(), kind.name);
    }
    Record { quick, ..record }.write(workspace, kind)
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

    #[test]
    fn the_page_is_what_the_records_come_to() {
        let workspace = Workspace::find().unwrap();
        let (page, _) = page::write(&Records::read(&workspace).unwrap()).unwrap();
        let there = fs::read_to_string(workspace.root.join(PAGE)).unwrap();
        assert!(there == page, "{PAGE} differs from docs/evidence/: run `cargo xtask evidence`");
    }

    #[test]
    fn what_is_taken_or_lies_there_as_written_is_on_the_page() {
        let root = std::env::temp_dir().join(format!("xtask-evidence-{}", std::process::id()));
        let workspace = Workspace { root: root.clone(), target: root.clone(), xtask: root.clone() };
        fs::create_dir_all(root.join("docs/evidence")).unwrap();
        let mutants =
            r#"{ "commit": "abc", "tested": 9, "caught": 7, "missed": [{ "name": "x" }], "unviable": 1 }"#;
        fs::write(root.join("docs/evidence/mutants.json"), mutants).unwrap();
        let origin = r#"{ "commit": "def", "date": "d", "command": "c", "machine": "m" }"#;
        let sim = format!(r#"{{ "origins": [{origin}], "seeds": 5 }}"#);
        fs::write(root.join("sim.json"), sim).unwrap();
        let take = ["sim".to_owned(), root.join("sim.json").display().to_string()];
        let args = EvidenceArgs { run: None, only: Vec::new(), take: take.into() };
        assert_eq!(run(&workspace, &args).unwrap(), ExitCode::SUCCESS);
        let page = fs::read_to_string(root.join(PAGE)).unwrap();
        assert!(page.contains("| 7 of 8 caught (87.5 %), 0 timeouts apart | abc;"), "{page}");
        assert!(
            page.contains("`c` at commit `def` (d), on m.") && page.contains("5 seeds, 0 events, no failure")
        );
        // What it reads is what it wrote.
        assert_eq!(record::as_written(&workspace, kinds::named("mutants").unwrap()).unwrap(), None);
        assert_eq!(run(&workspace, &EvidenceArgs { take: Vec::new(), ..args }).unwrap(), ExitCode::SUCCESS);
        assert_eq!(fs::read_to_string(root.join(PAGE)).unwrap(), page);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_result_of_nobody_knows_what_is_not_taken() {
        let workspace = Workspace::find().unwrap();
        let kind = kinds::named("sim").unwrap();
        let refused = Record::of(&workspace, kind, serde_json::json!({ "seeds": 1 })).unwrap_err();
        assert!(refused.to_string().contains("of which commit"), "{refused}");
    }

    #[test]
    fn what_was_run_of_these_sources_is_not_run_again() {
        let kind = kinds::named("sim").unwrap();
        let workspace = Workspace::find().unwrap();
        let now = AsOf::now(&workspace);
        let sources = kind.sources.iter().map(|path| ((*path).to_owned(), "same".to_owned()));
        let sources: std::collections::BTreeMap<_, _> = sources.collect();
        let same = AsOf { sources: sources.clone(), ..AsOf::default() };
        let record =
            |quick| Record { origins: Vec::new(), sources: sources.clone(), quick, result: ().into() };
        let records = |quick| Records::made_up(AsOf::default(), [("sim", record(quick))]);
        for level in [Level::Quick, Level::Full] {
            assert!(!is_wanted(kind, level, &records(true), &same));
            assert!(is_wanted(kind, level, &records(true), &now));
            assert!(is_wanted(kind, level, &Records::default(), &same));
        }
        assert!(is_wanted(kind, Level::Full, &records(false), &now));
        assert!(!is_wanted(kind, Level::Quick, &records(false), &now), "the longer run is lost");
    }
}
