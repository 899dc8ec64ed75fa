//! The commands of the binary against a real cluster, and the code that each ends with.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use common::Cluster;
use std::process::Command;

#[test]
fn commands_and_their_exit_codes() {
    let cluster = Cluster::started(3);
    let run = |args: &[&str]| {
        let ended = cluster.cli(args);
        (ended.code.unwrap(), ended.stdout)
    };
    let version = |out: &str| -> u64 { out.rsplit(' ').next().unwrap().trim().parse().unwrap() };

    assert_eq!(run(&["get", "k"]), (6, "missing\n".into()));
    let (code, first) = run(&["put", "k", "one"]);
    assert_eq!(code, 0);
    assert_eq!(run(&["get", "k"]), (0, "one\n".into()));
    assert_eq!(run(&["get", "k", "--raw"]), (0, "one".into()));

    assert_eq!(run(&["cas", "k", "other", "two"]), (7, "one\n".into()));
    let (code, second) = run(&["cas", "k", "one", "two"]);
    assert_eq!(code, 0);
    assert!(version(&second) > version(&first));
    assert_eq!(run(&["cas", "k", "three", "--if-version", &version(&first).to_string()]).0, 7);
    assert_eq!(run(&["cas", "k", "three", "--if-version", &version(&second).to_string()]).0, 0);
    assert_eq!(run(&["cas", "k", "four", "--missing"]), (7, "three\n".into()));
    assert_eq!(run(&["cas", "new", "four", "--missing"]).0, 0);

    assert_eq!(run(&["del", "k"]).0, 0);
    assert_eq!(run(&["del", "k"]), (6, "missing\n".into()));
    assert_eq!(run(&["get", "k"]).0, 6);
}

#[test]
fn values_from_standard_input_and_as_json() {
    let cluster = Cluster::started(1);
    assert_eq!(cluster.cli_with_stdin(&["put", "k"], b"from\nstdin\xff").code, Some(0));
    let json = cluster.cli(&["get", "k", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["value_hex"], "66726f6d0a737464696eff");
    assert_eq!(json["outcome"], "done");

    assert_eq!(cluster.cli_with_stdin(&["put", "empty"], b"").code, Some(0));
    assert_eq!(cluster.cli(&["get", "empty"]).stdout, "\n");
    assert_eq!(cluster.cli(&["cas", "empty", "", "x"]).code, Some(0));

    let largest = vec![b'v'; 1 << 20];
    assert_eq!(cluster.cli_with_stdin(&["put", "large"], &largest).code, Some(0));
    assert_eq!(cluster.cli(&["get", "large", "--raw"]).stdout.len(), 1 << 20);
    let too_large = cluster.cli_with_stdin(&["put", "large"], &[largest, vec![b'v']].concat());
    assert_eq!(too_large.code, Some(2), "{too_large:?}");
}

#[test]
fn wrong_usage_is_two() {
    let cluster = Cluster::new(1);
    for args in [&["put", ""][..], &["get"], &["cas", "k"], &["frobnicate"], &["get", "k", "--timeout", "5"]]
    {
        assert_eq!(cluster.cli(args).code, Some(2), "{args:?}");
    }
    let no_endpoints = Command::new(env!("CARGO_BIN_EXE_raft-register")).args(["get", "k"]).output().unwrap();
    assert_eq!(no_endpoints.status.code(), Some(2));
    let help = Command::new(env!("CARGO_BIN_EXE_raft-register")).arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("outcome unknown"));
}

#[test]
fn without_a_quorum_it_is_unavailable() {
    let mut cluster = Cluster::started(3);
    let leader = cluster.leader();
    cluster.put_works();
    for node in cluster.nodes().filter(|node| *node != leader) {
        cluster.kill(node);
    }
    for args in [&["get", "canary"][..], &["put", "canary", "x"]] {
        let ended = cluster.cli(&[&["--timeout", "2s"], args].concat());
        assert_eq!(ended.code, Some(3), "{ended:?}");
    }
    let status = cluster.cli(&["status", "-o", "json"]);
    assert_eq!(status.code, Some(3));
    let rows: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let up = rows.as_array().unwrap().iter().filter(|row| row["status"].is_object()).count();
    assert_eq!(up, 1, "{rows}");
}

#[test]
fn a_cluster_under_load() {
    let cluster = Cluster::started(3);
    let bench = |more: &[&str]| {
        let short = ["bench", "--clients", "8", "--keys", "10", "--warm-up", "0.1", "--seconds", "0.5"];
        cluster.cli(&[&short[..], more].concat())
    };
    let mixed = bench(&["--reads", "50"]);
    assert_eq!(mixed.code, Some(0), "{mixed:?}");
    for said in
        ["load/0 to load/9", "50 % linearizable gets", "8 clients", "4 connections", "p99.9", "leader"]
    {
        assert!(mixed.stdout.contains(said), "{said}: {mixed:?}");
    }
    assert_eq!(cluster.cli(&["get", "load/9", "--raw"]).stdout.len(), 256);

    for open in [&[][..], &["--rate", "100"]] {
        let told = bench(&[&["-o", "json"], open].concat());
        let lines: Vec<&str> = told.stdout.lines().collect();
        let [register::load::BEGUN, json] = lines[..] else { panic!("{told:?}") };
        let measured: register::load::Measured = serde_json::from_str(json).unwrap();
        assert!(measured.done > 0 && measured.quantile(0.5).is_some(), "{measured:?}");
        assert_eq!((measured.not_applied, measured.unknown), (0, 0), "{measured:?}");
    }
}

#[test]
fn a_load_that_cannot_be_says_why() {
    let cluster = Cluster::new(1);
    for args in [["--clients", "0"], ["--value-bytes", "1048577"], ["--reads", "101"]] {
        assert_eq!(cluster.cli(&[&["bench"][..], &args].concat()).code, Some(2), "{args:?}");
    }
    let nobody = cluster.cli(&["bench", "--timeout", "500ms", "-o", "json"]);
    assert_eq!(nobody.code, Some(3), "{nobody:?}");
    assert!(!nobody.stdout.contains(register::load::BEGUN), "{nobody:?}");
}

#[test]
fn certificates_made_by_the_binary_serve() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raft-register"));
        command.current_dir(dir.path()).args(args).output().unwrap().status.code()
    };
    assert_eq!(run(&["cert", "init", "--cluster", "test"]), Some(0));
    assert_eq!(run(&["cert", "init", "--cluster", "test"]), Some(1), "authorities were overwritten");
    assert_eq!(run(&["cert", "init", "--cluster", "Not Legal"]), Some(2));
    assert_eq!(run(&["cert", "create-node", "1", "--san", "127.0.0.1"]), Some(0));
    assert_eq!(run(&["cert", "create-client", "test"]), Some(0));
    assert_eq!(run(&["cert", "create-client", "../evil"]), Some(2));

    let mut cluster = Cluster::new(1);
    for file in std::fs::read_dir(dir.path().join("certs")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), cluster.certs().join(file.file_name())).unwrap();
    }
    cluster.start_all();
    cluster.leader();
    cluster.put_works();
}

#[test]
fn a_node_ends_well_when_told_to() {
    let mut cluster = Cluster::started(1);
    cluster.put_works();
    assert_eq!(cluster.terminate(1), Some(0));
    cluster.start(1);
    cluster.leader();
    assert_eq!(cluster.cli(&["get", "canary"]).stdout, "sings\n");
}
