//! Every case that once showed a bug: it must show none.

use std::path::Path;

use lab::sim::plan::case::Saved;

#[test]
fn what_was_wrong_once_is_right() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", dir.display());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let saved: Saved = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let violation = saved.case.run().violation;
        assert_eq!(violation, None, "{}: {}", file.display(), saved.what);
    }
    println!("{} cases", files.len());
}
