//! Who may know whom. The crates form a strict order; a new edge is a decision, made here and in
//! `docs/architecture.md`, not a line that slips into a manifest.

use super::{Finding, Tree};

struct Allowed {
    name: &'static str,
    /// Crates of this workspace that its code may use.
    uses: &'static [&'static str],
    /// And those that its tests may use besides.
    tests_use: &'static [&'static str],
}

const ALLOWED: &[Allowed] = &[
    Allowed { name: "raft", uses: &[], tests_use: &[] },
    Allowed { name: "history-checker", uses: &[], tests_use: &[] },
    Allowed { name: "transport-quic", uses: &["raft"], tests_use: &["lab"] },
    Allowed { name: "register", uses: &["raft", "transport-quic"], tests_use: &["history-checker"] },
    Allowed { name: "lab", uses: &["raft", "register", "history-checker"], tests_use: &["transport-quic"] },
    Allowed {
        name: "bench",
        uses: &["raft", "transport-quic", "register", "history-checker"],
        tests_use: &[],
    },
    Allowed { name: "xtask", uses: &[], tests_use: &[] },
];

/// A line of a manifest that names a dependency.
struct Dependency<'a> {
    name: &'a str,
    for_tests: bool,
    line: usize,
    /// What stands behind the name.
    rest: &'a str,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        // A nested workspace (peers that are measured against) has rules of its own.
        let Some(dir) = path.strip_suffix("/Cargo.toml").filter(|dir| !dir.contains('/')) else { continue };
        let Some(allowed) = ALLOWED.iter().find(|allowed| allowed.name == dir) else {
            findings.push(Finding::error(
                path,
                0,
                "this crate has no line in the table of xtask's tidy/edges.rs",
            ));
            continue;
        };
        findings.extend(check_manifest(path, text, allowed));
    }
    findings
}

fn check_manifest(path: &str, text: &str, allowed: &Allowed) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dependency in dependencies(text) {
        let Dependency { name, for_tests, line, rest } = dependency;
        if !ALLOWED.iter().any(|member| member.name == name) {
            continue;
        }
        let may = allowed.uses.contains(&name) || (for_tests && allowed.tests_use.contains(&name));
        if !may {
            let what = if for_tests { "tests must not depend" } else { "must not depend" };
            let advice = "move what is shared into a crate that both may know";
            findings.push(Finding::error(path, line, format!("{} {what} on {name}: {advice}", allowed.name)));
        }
        if allowed.name != "lab" && name == "raft" && rest.contains("simulation") {
            let what = "only lab turns raft's simulation on: what is deployed counts no situations, and spoils no memory";
            findings.push(Finding::error(path, line, what));
        }
        if allowed.name == "lab" && name == "register" && rest.contains("service") {
            let what = "lab takes register without its service, so that simulating builds no QUIC";
            findings.push(Finding::error(path, line, what));
        }
    }
    findings
}

/// The names in the dependency sections of a manifest. Knows as much TOML as manifests here use.
fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            // `[dependencies.name]`
            if let Some((outer, name)) = section.split_once("dependencies.") {
                found.push(Dependency { name, for_tests: outer.ends_with("dev-"), line: i + 1, rest: "" });
            }
            continue;
        }
        if !section.ends_with("dependencies") || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end = line.find(['.', '=', ' ']).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let for_tests = section.ends_with("dev-dependencies");
        found.push(Dependency { name: name.trim_matches('"'), for_tests, line: i + 1, rest });
    }
    found
}

/// The directories in `members = […]` of the workspace's manifest.
pub(super) fn members(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("members").and_then(|(_, rest)| rest.split_once('['));
    let list = list.and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split(',').map(|name| name.trim().trim_matches('"').to_owned()).filter(|n| !n.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(crate_name: &str, manifest: &str) -> Vec<String> {
        let tree = Tree::made_up([(&format!("{crate_name}/Cargo.toml"), manifest)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_edge_against_the_order_is_found() {
        let found = findings("raft", "[dependencies]\nbytes.workspace = true\nregister.workspace = true\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("error: raft/Cargo.toml:3: raft must not depend on register"),
            "{found:?}"
        );
        assert_eq!(findings("raft", "[dependencies.lab]\npath = \"../lab\"\n").len(), 1);
        assert_eq!(findings("raft", "[target.'cfg(unix)'.dependencies]\nlab = \"1\"\n").len(), 1);
    }

    #[test]
    fn tests_may_know_more() {
        assert_eq!(findings("transport-quic", "[dev-dependencies]\nlab.workspace = true\n").len(), 0);
        assert_eq!(findings("transport-quic", "[dependencies]\nlab.workspace = true\n").len(), 1);
    }

    #[test]
    fn lab_takes_register_without_its_service() {
        let manifest = "[dependencies]\nregister = { workspace = true, features = [\"service\"] }\n";
        assert_eq!(findings("lab", manifest).len(), 1);
        assert_eq!(findings("lab", "[dependencies]\nregister.workspace = true\n").len(), 0);
    }

    #[test]
    fn only_lab_simulates() {
        let manifest = "[dependencies]\nraft = { workspace = true, features = [\"simulation\"] }\n";
        assert_eq!(findings("register", manifest).len(), 1);
        assert_eq!(findings("lab", manifest).len(), 0);
    }

    #[test]
    fn a_crate_without_a_line_in_the_table_is_found() {
        assert_eq!(findings("newcomer", "[dependencies]\n").len(), 1);
    }

    #[test]
    fn members_are_read_from_the_workspace() {
        let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\n  \"raft\",\n  \"lab\",\n]\n";
        assert_eq!(members(manifest), ["raft", "lab"]);
    }
}
