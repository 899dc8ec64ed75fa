//! Every job of the project, one command each: `cargo xtask --help` lists them.
//!
//! This crate depends on no other crate of the workspace, so it runs when they do not build.
#![forbid(unsafe_code)]

mod bench;
mod command;
mod demo;
mod evidence;
mod fuzz;
#[allow(unreachable_pub, reason = "a module with an interface of its own, whatever it is compiled into")]
mod lab_tests;
mod miri;
mod mutants;
mod seeded_bugs;
mod sim;
mod step;
mod suite;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Every job of the project, one command each.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Three real nodes, clients, faults, and a verdict: see what the project does in a minute
    Demo(demo::DemoArgs),
    /// What it costs, beside others and beside the machine's limits; `compare A B` for two runs
    Bench(bench::BenchArgs),
    /// Everything that must hold before a change is merged
    Test(suite::TestArgs),
    /// The lab tests of part 4A (leader election), over QUIC or simulated
    #[command(name = "test-4a")]
    Test4a(lab_tests::LabTestArgs),
    /// The lab tests of part 4B (log replication and persistence), over QUIC or simulated
    #[command(name = "test-4b")]
    Test4b(lab_tests::LabTestArgs),
    /// Whole clusters on virtual time under faults, many seeds at once
    Sim(sim::SimArgs),
    /// Every order of the events of small scopes
    Explore(sim::SimArgs),
    /// What runs came to, kept in docs/evidence/ and told in EVIDENCE.md
    Evidence(evidence::EvidenceArgs),
    /// What .ci/run runs: the same as `test`
    Ci,
    /// The project's own rules: who may know whom, what pure code must not name, no dead files
    Tidy,
    /// Format every file
    Fmt,
    /// Everything that reads what others wrote, and one node, against invented input; needs a nightly compiler and cargo-fuzz
    Fuzz(fuzz::FuzzArgs),
    /// Unit tests of pure code under Miri; needs a nightly compiler with that component
    Miri,
    /// Changes the sources of `raft` in small ways and sees that the tests notice
    Mutants(mutants::MutantsArgs),
    /// Switch each deliberate bug on and see that the named test finds it
    SeededBugs(seeded_bugs::SeededBugsArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().job) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(job: Job) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match job {
        Job::Demo(args) => demo::run(&workspace, &args),
        Job::Bench(args) => bench::run(&workspace, &args),
        Job::Test(args) => suite::run(&workspace, &args),
        Job::Test4a(args) => lab_tests::run("4a", &args).map(|()| ExitCode::SUCCESS),
        Job::Test4b(args) => lab_tests::run("4b", &args).map(|()| ExitCode::SUCCESS),
        Job::Sim(args) => sim::run(&workspace, "sim", &args),
        Job::Explore(args) => sim::run(&workspace, "explore", &args),
        Job::Evidence(args) => evidence::run(&workspace, &args),
        Job::Ci => suite::run(&workspace, &suite::TestArgs::default()),
        Job::Tidy => tidy::run(&workspace),
        Job::Fuzz(args) => fuzz::run(&workspace, &args),
        Job::Miri => miri::run(&workspace),
        Job::Mutants(args) => mutants::run(&workspace, &args),
        Job::Fmt => Cmd::cargo(["fmt", "--all"]).run(&workspace),
        Job::SeededBugs(args) => seeded_bugs::run(&workspace, &args),
    }
}
