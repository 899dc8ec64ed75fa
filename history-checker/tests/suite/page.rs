//! The timeline page, in a real browser: it opens, says what the history says, and stays quick.

use std::path::Path;
use std::process::{Command, Stdio};

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::{
    Budget, FaultEdge, History, Key, Method, ModelKind, Options, Recorder, Summary, Value, check, page,
};
use serde_json::Value as Json;

use crate::generator::{Shape, World, generate};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The page after its script has run, or nothing where there is no browser.
fn opened(html: &str, fragment: &str) -> Option<String> {
    let answers = |name: &&&str| {
        let version =
            Command::new(name).arg("--version").stderr(Stdio::null()).stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let Some(browser) = BROWSERS.iter().find(answers) else {
        println!("skipped: none of {} is installed", BROWSERS.join(", "));
        return None;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--window-size=1600,1000", "--dump-dom"])
        .arg(profile(directory.path()))
        .arg(format!("file://{}#{fragment}", file.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn profile(directory: &Path) -> String {
    format!("--user-data-dir={}", directory.join("profile").display())
}

/// What each timeline of the page wrote at its end.
fn found(dom: &str) -> Vec<Json> {
    let texts =
        dom.split("<pre data-part=\"found\">").skip(1).filter_map(|after| after.split("</pre>").next());
    let plain = |text: &str| {
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
    };
    texts.map(|text| serde_json::from_str(&plain(text)).unwrap()).collect()
}

/// The only timeline's, which found nothing wrong with itself.
fn sound(dom: &str) -> Json {
    let mut found = found(dom);
    assert_eq!(found.len(), 1, "{dom}");
    assert_eq!(found[0]["faults"], Json::Array(Vec::new()));
    found.remove(0)
}

/// Two keys, every kind of outcome, a fault, and a stale read at the end.
fn troubled() -> History {
    let recorder = Recorder::in_memory();
    let mut rng = Rng::with_seed(5);
    for name in ["x", "y"] {
        let shape =
            Shape { lost: 20, refused: 10, cas: 20, key: Some(Key::from(name)), ..Shape::plain(4, 100) };
        World::new(&shape, &mut rng, &recorder).run();
        recorder.fault("kill n1", if name == "x" { FaultEdge::Begin } else { FaultEdge::End }, 1_000);
    }
    let key = || Some(Key::from("x"));
    let client = recorder.process().write(key(), "old".into(), 2_000).ok(2_100);
    let client = client.write(key(), "new".into(), 2_200).ok(2_300);
    drop(client.read(key(), 2_400).ok("old".into(), 2_500));
    recorder.history()
}

#[test]
fn the_page_says_how_wrong_a_key_is_and_what_proves_it() {
    let history = troubled();
    let report = check(&history, ModelKind::Map, &Options::default()).unwrap();
    let page = page::html(&history, &report, "troubled");
    let (key, violation) = report.violations().next().unwrap();
    let proof = format!("<p>{} operations prove it, confirmed by", violation.core.operations.len());
    assert!(page.contains(&proof), "{proof}");
    assert!(page.contains("<p>degree: 1 stale read, worst 1 version and "), "{:?}", key.degree);
}

#[test]
fn the_page_says_what_the_history_says_and_finds_nothing_wrong_with_itself() {
    let history = troubled();
    let report = check(&history, ModelKind::Map, &Options::default()).unwrap();
    assert_eq!(report.violations().count(), 1);
    let Some(dom) = opened(&page::html(&history, &report, "troubled"), "selftest") else { return };
    let found = sound(&dom);
    assert_eq!(found["count"], history.operations().len());
    for (shown, operation) in found["operations"].as_array().unwrap().iter().zip(history.operations()) {
        assert_eq!(shown[0], operation.process.to_string());
        assert_eq!(shown[1], operation.key.as_ref().unwrap().as_str());
        assert!(shown[2].as_str().unwrap().starts_with(operation.action.name()), "{shown}");
        assert_eq!(shown[4], operation.invoked.line);
        assert_eq!(shown[5], operation.completed_at().map_or(operation.invoked.line, |mark| mark.line));
    }
}

/// Several in one document; each checks its lanes, its keys, and that the order it draws lies inside its bars.
#[test]
fn timelines_of_every_verdict_stand_side_by_side_in_another_page() {
    let queue = r#"
        {"process":0,"kind":"invoke","op":"enqueue","value":1,"time":1}
        {"process":0,"kind":"ok","op":"enqueue","time":2}
        {"process":0,"kind":"invoke","op":"dequeue","time":3}
        {"process":0,"kind":"ok","op":"dequeue","value":1,"time":4}
    "#;
    let timeless = queue
        .replace("\"time\":1", "\"time\":7")
        .replace(":2}", ":7}")
        .replace(":3}", ":7}")
        .replace(":4}", ":7}");
    let hard = generate(
        &Shape { values: Some(3), cas: 30, lost: 30, ..Shape::plain(8, 300) },
        &mut Rng::with_seed(3),
    );
    let open = generate(&Shape { lost: 20, ..Shape::plain(6, 400) }, &mut Rng::with_seed(1));
    let spent = Options { budget: Budget { configurations: 20, ..Budget::default() }, ..Options::default() };
    let cases = [
        (jsonl::read(queue.as_bytes()).unwrap(), ModelKind::Queue, Options::default(), Summary::Linearizable),
        (
            jsonl::read(timeless.as_bytes()).unwrap(),
            ModelKind::Queue,
            Options::default(),
            Summary::Linearizable,
        ),
        (hard, ModelKind::CasRegister, spent, Summary::Unknown),
        (open, ModelKind::Register, Options::default(), Summary::Linearizable),
        (troubled(), ModelKind::Map, Options::default(), Summary::NotLinearizable),
    ];
    let mut document = "<!doctype html><title>several</title>".to_owned();
    for (history, model, options, verdict) in &cases {
        let report = check(history, *model, options).unwrap();
        assert_eq!(report.summary(), *verdict);
        document += &page::fragment(history, &report, "one of several");
    }
    let Some(dom) = opened(&document, "selftest") else { return };
    let found = found(&dom);
    assert_eq!(found.len(), cases.len());
    for (found, (history, ..)) in found.iter().zip(&cases) {
        assert_eq!(found["faults"], Json::Array(Vec::new()));
        assert_eq!(found["count"], history.operations().len());
    }
}

/// A search knows how far some order explains the history, zones do not.
#[test]
fn the_longest_explained_prefix_is_marked() {
    let recorder = Recorder::in_memory();
    let client = recorder.process().write(None, 1_i64.into(), 1).ok(2).write(None, 2_i64.into(), 3).ok(4);
    drop(client.read(None, 5).ok(1_i64.into(), 6).read(None, 7).ok(2_i64.into(), 8));
    let history = recorder.history();
    for (method, marked) in [(Method::SearchOnly, Some(2)), (Method::Auto, None)] {
        let options = Options { method, ..Options::default() };
        let report = check(&history, ModelKind::Register, &options).unwrap();
        assert_eq!(report.violations().next().unwrap().1.dead_end, marked);
        let html = page::html(&history, &report, "stale");
        let said = marked.map_or("null".to_owned(), |operation: usize| operation.to_string());
        assert!(html.contains(&format!("\"dead_end\":{said}}}")), "{html}");
    }
}

#[test]
fn what_a_history_says_stays_text_in_the_browser() {
    let evil = "</script><img src=x onerror=\"document.title='gone'\">'{{data}}";
    let recorder = Recorder::in_memory();
    let key = || Some(Key::from(evil));
    let client = recorder.process().write(key(), evil.into(), 0).ok(1);
    drop(client.read(key(), 2).ok(format!("stale {evil}").into(), 3));
    recorder.fault(evil, FaultEdge::Begin, 4);
    let history = recorder.history();
    let report = check(&history, ModelKind::Map, &Options::default()).unwrap();
    let Some(dom) = opened(&page::html(&history, &report, evil), "selftest") else { return };
    assert!(!dom.contains("<img"), "{dom}");
    assert!(!dom.contains("<title>gone"), "{dom}");
    let found = sound(&dom);
    assert_eq!(found["operations"][0][1], evil);
    assert_eq!(found["operations"][0][2], format!("write {}", Value::from(evil)));
}

/// Prints how large the page of 100 000 operations is, and how long its redraws take.
#[test]
#[ignore = "a measurement"]
fn redraws_at_100_000_operations() {
    let shape = Shape { cas: 10, lost: 3, ..Shape::plain(10, 100_000) };
    let history = generate(&shape, &mut Rng::with_seed(1));
    let report = check(&history, ModelKind::Map, &Options::default()).unwrap();
    let html = page::html(&history, &report, "100 000 operations");
    println!("{} operations in {} KB: {}", history.operations().len(), html.len() / 1000, report.summary());
    let Some(dom) = opened(&html, "measure") else { return };
    let found = found(&dom).remove(0);
    println!("{found}");
    assert!(found["median_ms"].as_f64().unwrap() <= 50.0, "{found}");
}
