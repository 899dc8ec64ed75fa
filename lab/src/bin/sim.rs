//! `cargo xtask sim`: whole clusters on virtual time, many seeds at once.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use lab::sim::load::Load;
use lab::sim::random::Random;
use lab::sim::register_workload::RegisterWorkload;
use lab::sim::swarm::Plan;
use lab::sim::world::World;

/// Runs seeds and tells what broke.
#[derive(Parser)]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Prints what happens
    #[arg(long)]
    lines: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    #[allow(clippy::disallowed_methods, reason = "how fast it was is shown, and nothing follows from it")]
    let began = Instant::now();
    let (mut events, mut done, mut bad) = (0, 0, 0);
    for seed in args.from..args.from + args.seeds {
        let workload = RegisterWorkload { load: Load::drawn(Random::new(seed)) };
        let mut world = World::new(Plan::drawn(seed), workload);
        if args.lines {
            world.keep_lines();
        }
        let outcome = world.run();
        events += outcome.events;
        done += outcome.summary.done;
        if args.lines {
            for line in world.lines() {
                println!("{:>12} {:?}->{:?} {}", line.at.as_nanos(), line.from, line.to, line.what);
            }
            println!("{outcome:?}");
        }
        if let Some(violation) = outcome.violation {
            bad += 1;
            println!("seed {seed}: {violation}");
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} seeds, {bad} bad, {events} events, {done} operations, {:.0} events/s",
        args.seeds,
        events as f64 / seconds
    );
    if bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
