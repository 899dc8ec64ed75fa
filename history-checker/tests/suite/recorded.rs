//! Recorded runs of a real store, where they are at hand. `HISTORIES_DIR` says where they are.

use std::path::PathBuf;

use history_checker::format::jsonl;
use history_checker::{FailedCas, Method, ModelKind, Options, Summary, check};

#[test]
fn verdicts_on_recorded_etcd_runs() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/histories");
    let directory =
        std::env::var_os("HISTORIES_DIR").map_or_else(|| PathBuf::from(default), PathBuf::from).join("etcd");
    let Ok(verdicts) = std::fs::read_to_string(directory.join("verdicts.tsv")) else {
        println!("skipped: no recorded histories in {}", directory.display());
        return;
    };
    let mut files = 0;
    for line in verdicts.lines().skip(1) {
        let (file, verdict) = line.split_once('\t').unwrap();
        let expected = match verdict {
            "linearizable" => Summary::Linearizable,
            "not" => Summary::NotLinearizable,
            other => panic!("verdict {other}"),
        };
        let history = jsonl::read_file(directory.join(file)).unwrap();
        for failed_cas in [FailedCas::Drop, FailedCas::Observe] {
            for method in [Method::Auto, Method::SearchOnly] {
                let options = Options { failed_cas, method, ..Options::default() };
                let report = check(&history, ModelKind::CasRegister, &options).unwrap();
                assert_eq!(report.summary(), expected, "{file}: {report}");
            }
        }
        files += 1;
    }
    assert!(files > 0, "verdicts.tsv names no file");
}
