//! What pure code must not name. Time, randomness and the results of I/O come in as arguments;
//! otherwise a run does not replay from its seed.

use super::modules::Modules;
use super::{Finding, Tree, source};

struct Ban {
    name: &'static str,
    why: &'static str,
}

const CLOCK: &str = "the time comes in as an argument";
const RANDOM: &str = "randomness comes in as a seeded generator";
const IO: &str = "what I/O brought comes in as an argument, what I/O shall do goes out as data";
const ORDER: &str = "its order differs from run to run: take a BTreeMap, or a Vec";

const BANS: &[Ban] = &[
    Ban { name: "tokio", why: IO },
    Ban { name: "std::fs", why: IO },
    Ban { name: "std::net", why: IO },
    Ban { name: "Instant::now", why: CLOCK },
    Ban { name: "SystemTime", why: CLOCK },
    Ban { name: "rand::", why: RANDOM },
    Ban { name: "getrandom", why: RANDOM },
    Ban { name: "fastrand::Rng::new", why: RANDOM },
];

/// One thread owns the protocol. A checker of histories may split its keys over threads.
const THREADS: Ban = Ban { name: "thread::", why: "one thread owns the protocol" };

const HASHED: &[Ban] = &[Ban { name: "HashMap", why: ORDER }, Ban { name: "HashSet", why: ORDER }];

/// What one file must not name; empty for a file that need not be pure.
fn bans(path: &str) -> Vec<&'static Ban> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    let raft = starts(&["raft/src/consensus/", "raft/src/server", "raft/src/session", "raft/src/bootstrap"]);
    let register = starts(&["register/src/command", "register/src/machine", "register/src/client_core"]);
    // Reading a file of histories is what the formats are for.
    let checker_io = [
        "history-checker/src/main",
        "history-checker/src/bin/",
        "history-checker/src/cli",
        "history-checker/src/format",
    ];
    let checker = starts(&["history-checker/src/"]) && !starts(&checker_io);

    let mut bans = Vec::new();
    if raft || register || checker {
        bans.extend(BANS);
    }
    if raft || register {
        bans.push(&THREADS);
    }
    if raft {
        bans.extend(HASHED);
    }
    bans
}

pub(super) fn check(tree: &Tree, modules: &Modules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust_files() {
        let bans = bans(path);
        if bans.is_empty() || modules.for_tests(path) {
            continue;
        }
        let code = source::code_without_tests(text);
        for ban in bans {
            for at in source::find_word(&code, ban.name) {
                let what = format!("pure code names `{}`: {}", ban.name, ban.why);
                findings.push(Finding::error(path, source::line_of(&code, at), what));
            }
        }
        findings.extend(grouped(path, &code));
    }
    findings
}

/// `use std::{fs, io}` names `std::fs` too.
fn grouped(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, _) in code.match_indices("std::{") {
        let group = code[at..].split_once('}').map_or(&code[at..], |(group, _)| group);
        for name in ["fs", "net"] {
            if source::find_word(group, name).next().is_some() {
                let what = format!("pure code names `std::{name}`: {IO}");
                findings.push(Finding::error(path, source::line_of(code, at), what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::made_up([(path, text)]);
        check(&tree, &Modules::of(&tree)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_banned_name_is_found_in_the_core() {
        for ban in BANS.iter().chain(HASHED).chain([&THREADS]) {
            let text = format!(
                "//! Core.\nfn f() {{ {}x() }}\n",
                if ban.name.ends_with("::") { ban.name.to_owned() } else { format!("{}::", ban.name) }
            );
            let found = findings("raft/src/consensus/mod.rs", &text);
            assert_eq!(found.len(), 1, "{}: {found:?}", ban.name);
            assert!(found[0].starts_with("error: raft/src/consensus/mod.rs:2: pure code names"), "{found:?}");
        }
    }

    #[test]
    fn groups_are_looked_into() {
        assert_eq!(findings("raft/src/server.rs", "use std::{fs, io};").len(), 1);
        assert_eq!(findings("raft/src/server.rs", "use std::{fmt, io};").len(), 0);
    }

    #[test]
    fn comments_strings_tests_and_impure_files_are_exempt() {
        assert_eq!(findings("raft/src/server.rs", "// tokio\nconst A: &str = \"tokio\";").len(), 0);
        assert_eq!(findings("raft/src/server.rs", "#[cfg(test)]\nmod tests { use tokio::x; }").len(), 0);
        assert_eq!(findings("raft/src/driver/mod.rs", "use tokio::x;").len(), 0);
        assert_eq!(findings("history-checker/src/main.rs", "use std::fs;").len(), 0);
    }

    #[test]
    fn a_checker_may_hash_and_split_its_work() {
        assert_eq!(findings("history-checker/src/search.rs", "use std::collections::HashMap;").len(), 0);
        assert_eq!(findings("history-checker/src/search.rs", "use std::fs::File;").len(), 1);
    }
}
