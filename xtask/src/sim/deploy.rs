//! What `deploy/sim/` says of the program and of the workspace is true.

use std::fs;
use std::process::Command;

use crate::command::script;
use crate::evidence::origin::{Origin, VARIABLE};
use crate::workspace::Workspace;

fn read(file: &str) -> String {
    fs::read_to_string(Workspace::find().unwrap().root.join(file)).unwrap()
}

/// What stands between two marks, the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} is missing"));
    rest.split_once(after).unwrap_or_else(|| panic!("{after} is missing")).0
}

/// The arguments that the job gives to its pods.
fn arguments(job: &str) -> Vec<String> {
    between(job, "args: [", "]").split(", ").map(|word| word.trim_matches('"').to_owned()).collect()
}

#[test]
fn the_flags_of_the_job_are_flags_of_the_program() {
    let source = read("lab/src/bin/sim/sweep.rs");
    let known = between(&source, "struct Args {", "\n}");
    let run = read("deploy/sim/shard");
    let run = between(&run, "exec sim", "\n").split(' ').map(str::to_owned);
    let words = arguments(&read("deploy/sim/job.yaml")).into_iter().chain(run);
    let flags: Vec<String> =
        words.filter_map(|word| Some(word.strip_prefix("--")?.replace('-', "_"))).collect();
    assert_eq!(flags, ["from", "seeds", "twice", "jobs", "shard", "json"]);
    for flag in flags {
        let field = format!("    {flag}: ");
        let (before, _) = known.split_once(&field).unwrap_or_else(|| panic!("--{flag} is unknown"));
        assert!(before.trim_end().rsplit('\n').next().unwrap().contains("#[arg(long"), "--{flag}");
    }
}

#[test]
fn as_many_pods_as_shards() {
    let job = read("deploy/sim/job.yaml");
    let shards = between(&job, "completions: &shards ", " ");
    assert!(shards.parse::<u64>().is_ok());
    assert!(job.contains(&format!("{{ name: SHARDS, value: \"{shards}\" }}")));
}

#[test]
fn a_shard_tells_of_which_commit_it_is_and_takes_its_share() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    script(&dir.join("sim"), &format!("echo \"$@\"; echo \"${VARIABLE}\""));
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let output = Command::new(Workspace::find().unwrap().root.join("deploy/sim/shard"))
        .args(["--seeds", "9"])
        .envs([("PATH", path.as_str()), ("COMMIT", "abc"), ("DATE", "2026-01-01")])
        .envs([("SHARDS", "4"), ("CORES", "2"), ("JOB_COMPLETION_INDEX", "3")])
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let (words, origin) = output.split_once('\n').unwrap();
    assert_eq!(words, "--seeds 9 --jobs 2 --shard 3/4 --json /results/3.json");
    let origin: Origin = serde_json::from_str(origin).unwrap();
    assert_eq!((origin.commit.as_str(), origin.date.as_str()), ("abc", "2026-01-01"));
    assert_eq!(origin.command, "cargo xtask sim --seeds 9, in 4 shards");
    assert!(origin.machine.starts_with("pods of 2 cores"));
}

#[test]
fn the_image_is_built_with_the_compiler_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let version = between(&manifest, "rust-version = \"", "\"");
    let image = read("deploy/sim/Dockerfile");
    assert_eq!(between(&image, "FROM rust:", "-"), version);
}
