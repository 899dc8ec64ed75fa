//! Every seeded bug, by what it is in.

mod checker;
mod clients;
mod elections;
mod log;
mod replication;
mod snapshots;

use super::bug::Bug;

const ALL: [&[Bug]; 6] =
    [elections::ROWS, replication::ROWS, clients::ROWS, log::ROWS, snapshots::ROWS, checker::ROWS];

/// All, or the one of that name; by name.
pub(super) fn rows(name: Option<&str>) -> Vec<&'static Bug> {
    let wanted = |bug: &&Bug| name.is_none_or(|name| bug.name == name);
    let mut rows: Vec<&Bug> = ALL.into_iter().flatten().filter(wanted).collect();
    rows.sort_by_key(|bug| bug.name);
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::super::bug::Known;
    use super::super::simulator::ORDINARY;
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn rows_stand_in_the_order_of_their_names_and_no_name_twice() {
        for rows in ALL {
            assert!(rows.windows(2).all(|two| two[0].name < two[1].name));
        }
        assert!(rows(None).windows(2).all(|two| two[0].name < two[1].name));
    }

    #[test]
    fn each_is_to_be_found_by_a_test_or_by_the_simulator() {
        for bug in rows(None) {
            assert!(bug.test.is_some() || bug.simulated.is_some(), "{}", bug.name);
        }
    }

    /// The names in `seeded_bug!("name")` of all sources below `dir`.
    fn collect(dir: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let after = text.split("seeded_bug!(\"").skip(1);
                names.extend(after.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn the_rows_are_what_the_sources_hold() {
        let root = Workspace::find().unwrap().root;
        let mut names = BTreeSet::new();
        for sources in ["raft/src", "history-checker/src"] {
            collect(&root.join(sources), &mut names);
        }
        let rows: BTreeSet<String> = rows(None).iter().map(|bug| bug.name.to_owned()).collect();
        assert_eq!(names, rows);
    }

    /// An ordinary run leaves it to them.
    #[test]
    fn what_needs_many_seeds_has_a_test_or_a_saved_case() {
        for bug in rows(None) {
            let rare = matches!(bug.simulated, Some(Known::After(needed)) if needed > ORDINARY);
            assert!(!rare || bug.test.is_some() || bug.case.is_some(), "{}", bug.name);
        }
    }

    #[test]
    fn the_cases_of_bugs_are_saved() {
        let root = Workspace::find().unwrap().root;
        for case in rows(None).iter().filter_map(|bug| bug.case) {
            assert!(super::super::simulator::case(case, &root).exists(), "{case}");
        }
    }
}
