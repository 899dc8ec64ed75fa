//! Histories written by hand: one event per line, `process kind op value`, times left out.

use history_checker::History;
use history_checker::format::jsonl;

/// Reads such a script. The value is JSON; words after it are further fields, as `"seen":3`.
pub(crate) fn script(text: &str) -> History {
    let lines: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(line).collect();
    jsonl::read(lines.join("\n").as_bytes()).unwrap()
}

fn line(line: &str) -> String {
    let mut words = line.split_whitespace();
    let (process, kind, op) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let mut json = format!(r#"{{"process":{process},"kind":"{kind}","op":"{op}""#);
    if let Some(value) = words.next() {
        json += &format!(r#","value":{value}"#);
    }
    for field in words {
        json += &format!(",{field}");
    }
    json + r#","time":0}"#
}
