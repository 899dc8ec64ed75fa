//! Recorded runs of real stores, where they are at hand. `HISTORIES_DIR` says where they are.

use std::path::PathBuf;

use history_checker::{FailedCas, Method, ModelKind, Options, Summary, Value, check, format};

/// Every file in the set has the verdict that stands beside it, with either engine.
fn verdicts(set: &str, initial: &Value, failed_cas: &[FailedCas]) {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/histories");
    let directory =
        std::env::var_os("HISTORIES_DIR").map_or_else(|| PathBuf::from(default), PathBuf::from).join(set);
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
        let history = format::open(directory.join(file)).unwrap();
        for &failed_cas in failed_cas {
            for method in [Method::Auto, Method::SearchOnly] {
                let options = Options { initial: initial.clone(), failed_cas, method, ..Options::default() };
                let report = check(&history, ModelKind::CasRegister, &options).unwrap();
                assert_eq!(report.summary(), expected, "{file}: {report}");
            }
        }
        files += 1;
    }
    assert!(files > 0, "verdicts.tsv names no file");
}

#[test]
fn verdicts_on_recorded_etcd_runs() {
    verdicts("etcd", &Value::Null, &[FailedCas::Drop, FailedCas::Observe]);
}

/// There a `fail` had no effect and says nothing, and neither does a read of nil.
#[test]
fn verdicts_on_knossos_examples() {
    verdicts("knossos", &Value::from(0_i64), &[FailedCas::Drop]);
}
