//! The data says what the history says, and nothing in it can leave its element.

use serde_json::{Value as Json, json};

use super::super::columns::tests::numbers;
use super::*;
use crate::check::{ModelKind, Options, check};
use crate::format::jsonl;
use crate::history::FaultEdge;
use crate::recorder::Recorder;
use crate::value::Key;

fn data(history: &History, model: ModelKind) -> Json {
    let report = check(history, model, &Options::default()).unwrap();
    serde_json::from_str(&Data::new(history, &report).to_json()).unwrap()
}

fn column(data: &Json, name: &str) -> Vec<u64> {
    numbers(data["columns"][name].as_str().unwrap())
}

/// As [`column`], with the texts that the numbers stand for.
fn texts(data: &Json, name: &str) -> Vec<Option<String>> {
    let text = |number: u64| data["texts"][usize::try_from(number).unwrap()].as_str().unwrap().to_owned();
    column(data, name).into_iter().map(|number| number.checked_sub(1).map(text)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect()
}

#[test]
fn operations_survive_the_way_to_the_page() {
    let recorder = Recorder::in_memory();
    let key = || Some(Key::from("k"));
    let client = recorder.process().write(key(), "a".into(), 1_000).at_version(4).ok(3_000);
    recorder.fault("cut", FaultEdge::Begin, 3_500);
    let client = client.cas(None, "a".into(), "b".into(), 4_000).not_swapped(Some(7_i64.into()), 4_100);
    let client = client.read(key(), 5_000).not_applied(5_500);
    client.read(key(), 6_000).unknown(9_000);
    let data = data(&recorder.history(), ModelKind::Map);
    assert_eq!(data["operations"], 4);
    assert_eq!(column(&data, "line"), [1, 3, 2, 2]);
    assert_eq!(column(&data, "time"), [0, 3_000, 1_000, 1_000]);
    assert_eq!(column(&data, "lines"), [1, 1, 1, 1]);
    assert_eq!(column(&data, "duration"), [2_000, 100, 500, 3_000]);
    assert_eq!(column(&data, "what"), [1, 2 + 8 * 8, 8, 2 * 8]);
    assert_eq!(column(&data, "version"), [5, 0, 0, 0]);
    assert_eq!(texts(&data, "key"), some(&["k", "", "k", "k"]));
    assert_eq!(texts(&data, "asked"), some(&["\"a\"", "\"a\"", "", ""]));
    assert_eq!(texts(&data, "to"), some(&["", "\"b\"", "", ""]));
    assert_eq!(texts(&data, "seen"), some(&["", "7", "", ""]));
    assert_eq!(data["faults"], json!([{"name": "cut", "from": {"line": 3, "time": 2_500}, "to": null}]));
}

/// Lines are the order; a clock that runs back must not make an operation end before it begins.
#[test]
fn a_clock_that_runs_back_stands_still() {
    let recorder = Recorder::in_memory();
    let one = recorder.process().read(None, 100);
    let other = recorder.process().read(None, 200);
    drop(one.ok(crate::Value::Null, 150));
    drop(other.ok(crate::Value::Null, 300));
    let data = data(&recorder.history(), ModelKind::Register);
    assert_eq!(column(&data, "time"), [0, 100]);
    assert_eq!(column(&data, "duration"), [100, 100]);
}

#[test]
fn faults_of_one_name_are_told_apart() {
    use FaultEdge::{Begin, End};
    let recorder = Recorder::in_memory();
    for (edge, time) in [(End, 5), (Begin, 10), (End, 20), (Begin, 30), (End, 40), (Begin, 50)] {
        recorder.fault("kill n1", edge, time);
    }
    let data = data(&recorder.history(), ModelKind::Register);
    let bands = data["faults"].as_array().unwrap().iter();
    let times: Vec<_> =
        bands.map(|band| (band["from"]["time"].as_u64(), band["to"]["time"].as_u64())).collect();
    let (from, to) = ([0, 5, 25, 45].map(Some), [Some(0), Some(15), Some(35), None]);
    assert_eq!(times, from.into_iter().zip(to).collect::<Vec<_>>());
}

#[test]
fn nothing_ends_the_element_that_it_stands_in() {
    let evil = "</script><img src=x onerror=alert(1)><!--\"'&\u{2028}";
    let recorder = Recorder::in_memory();
    let client = recorder.process().write(Some(Key::from(evil)), evil.into(), 0).ok(1);
    drop(client.read(Some(Key::from(evil)), 2).ok("stale".into(), 3));
    recorder.fault(evil, FaultEdge::Begin, 4);
    let history = recorder.history();
    let report = check(&history, ModelKind::Map, &Options::default()).unwrap();
    let json = Data::new(&history, &report).to_json();
    assert!(!json.contains(['<', '>', '&']), "{json}");
    let data: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(data["faults"][0]["name"], evil);
    assert_eq!(texts(&data, "key")[0].as_deref(), Some(evil));

    let page = crate::page::html(&history, &report, evil);
    assert_eq!(page.matches("</script>").count(), 2, "that of the data, that of the script");
    assert!(!page.contains("<img"), "{page}");
}

#[test]
fn long_texts_are_cut_and_stay_different() {
    let recorder = Recorder::in_memory();
    let text = |end: &str| "ä".repeat(300) + end;
    let client = recorder.process().write(None, text("x").as_str().into(), 0).ok(1);
    drop(client.write(None, text("y").as_str().into(), 2).ok(3));
    let data = data(&recorder.history(), ModelKind::Register);
    assert_eq!(column(&data, "asked").len(), 2);
    assert_ne!(column(&data, "asked")[0], column(&data, "asked")[1]);
    assert!(texts(&data, "asked")[0].as_ref().unwrap().ends_with("ä… (303 characters)"));
}

/// Times at both ends of what the format can say.
#[test]
fn extreme_times_do_not_overflow() {
    let lines = format!(
        "{{\"process\":0,\"kind\":\"invoke\",\"op\":\"read\",\"time\":0}}\n{{\"process\":0,\"kind\":\"ok\",\"op\":\"read\",\"value\":null,\"time\":{}}}\n",
        u64::MAX
    );
    let data = data(&jsonl::read(lines.as_bytes()).unwrap(), ModelKind::Register);
    assert_eq!(column(&data, "duration"), [u64::MAX]);
}
