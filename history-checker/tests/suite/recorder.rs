//! What is recorded is what is read back, and an unknown outcome is never closed.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use history_checker::format::jsonl;
use history_checker::recorder::Forgets;
use history_checker::{
    Answer, Checker, FaultEdge, History, Key, ModelKind, Options, Outcome, Recorder, Value, check,
};

/// A file that can be looked at while it is written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One of everything.
fn record<K>(recorder: &Recorder<K>) {
    let key = || Some(Key::from("k \"1\""));
    let a = recorder.process();
    let b = recorder.process();
    recorder.fault("kill n1", FaultEdge::Begin, 1);
    let write = a.write(key(), Value::from(1_i64), 2);
    let read = b.read(None, 3);
    let a = write.at_version(9).ok(4);
    let b = read.ok(Value::Null, 5);
    let a = a.cas(key(), Value::from(1_i64), Value::from("two"), 6).swapped(7);
    let b = b.cas(key(), Value::Null, Value::from(3_i64), 8).not_swapped(Some(Value::from("two")), 9);
    let b = b.cas(key(), Value::Null, Value::from(3_i64), 10).not_swapped(None, 11);
    let a = a.write(key(), Value::Null, 12).not_applied(13);
    a.write(key(), Value::from(4_i64), 14).unknown(15);
    drop(b.write(key(), Value::from(5_i64), 16));
    recorder.fault("kill n1", FaultEdge::End, 17);
}

#[test]
fn the_streamed_lines_are_the_history() {
    let file = Shared::default();
    let recorder = Recorder::new(file.clone());
    record(&recorder);
    recorder.flush().unwrap();
    let streamed = file.0.lock().unwrap().clone();
    assert_eq!(jsonl::read(&streamed[..]).unwrap(), recorder.history());

    let mut written = Vec::new();
    jsonl::write_history(&mut written, &recorder.history()).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(streamed).unwrap());
}

#[test]
fn an_unknown_outcome_stays_open_and_ends_its_process() {
    let recorder = Recorder::in_memory();
    recorder.process().read(None, 1).unknown(2);
    drop(recorder.process().read(None, 3));
    let fresh = recorder.process();
    assert_eq!(fresh.id(), 2);
    let history = recorder.history();
    let outcomes: Vec<&Outcome> = history.operations().iter().map(|operation| &operation.outcome).collect();
    assert!(matches!(outcomes[0], Outcome::Unknown { gave_up: Some(_) }));
    assert!(matches!(outcomes[1], Outcome::Unknown { gave_up: None }));
}

#[test]
fn the_format_is_the_documented_one() {
    let file = Shared::default();
    let recorder = Recorder::new(file.clone());
    let cas = recorder.process().cas(Some(Key::from("k")), Value::from(1_i64), Value::from(2_i64), 123);
    let _idle = cas.at_version(9).not_swapped(Some(Value::from(7_i64)), 456);
    recorder.fault("kill n1", FaultEdge::Begin, 789);
    let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
    let expected = r#"{"process":0,"kind":"invoke","op":"cas","key":"k","value":[1,2],"time":123}
{"process":0,"kind":"ok","op":"cas","key":"k","value":[1,2],"swapped":false,"seen":7,"version":9,"time":456}
{"fault":"kill n1","kind":"begin","time":789}
"#;
    assert_eq!(text, expected);
}

#[test]
fn a_full_disk_disturbs_no_client_and_is_reported() {
    let recorder = Recorder::new(Full);
    record(&recorder);
    for _ in 0..2 {
        assert_eq!(recorder.flush().unwrap_err().to_string(), "disk full");
    }
    assert_eq!(recorder.history().operations().len(), 8);
}

#[test]
fn many_threads_share_one_log() {
    let recorder = Recorder::in_memory();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let recorder = recorder.clone();
            scope.spawn(move || {
                let mut process = recorder.process();
                for time in 0..500 {
                    process = process.write(None, Value::from(time), time).ok(time);
                }
            });
        }
    });
    let history: History = recorder.history();
    assert_eq!(history.operations().len(), 2000);
    let answered = |outcome: &Outcome| matches!(outcome, Outcome::Ok { answer: Answer::Done, .. });
    assert!(history.operations().iter().all(|operation| answered(&operation.outcome)));
}

/// A write of 1, over before a read of null.
fn stale<K>(recorder: &Recorder<K>) {
    let client = recorder.process().write(None, Value::from(1), 1).ok(2);
    let _idle = client.read(None, 3).ok(Value::Null, 4);
}

#[test]
fn whoever_hears_of_a_contradiction_may_panic() {
    let file = Shared::default();
    let recorder = Recorder::new(file.clone());
    recorder.watch(Checker::default(), |_| panic!("stop here"));
    catch_unwind(AssertUnwindSafe(|| stale(&recorder))).unwrap_err();
    let report = check(&recorder.history(), ModelKind::Register, &Options::default()).unwrap();
    assert!(!report.is_linearizable(), "the answer that shows it is recorded");
    recorder.flush().unwrap();
    assert_eq!(file.0.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count(), 4);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a thread that waits for itself must not stop the test")]
fn whoever_hears_of_a_contradiction_may_use_the_recorder() {
    let recorder = Recorder::in_memory();
    let (send, heard) = std::sync::mpsc::channel();
    let inside = recorder.clone();
    recorder.watch(Checker::default(), move |found| {
        inside.fault("stopped", FaultEdge::Begin, 5);
        send.send((found.line, inside.history().operations().len())).unwrap();
    });
    let recording = recorder.clone();
    std::thread::spawn(move || stale(&recording));
    assert_eq!(heard.recv_timeout(std::time::Duration::from_secs(20)), Ok((4, 2)));
    assert_eq!(recorder.history().faults().len(), 1);
}

#[test]
fn a_watch_that_begins_late_knows_what_was_before() {
    let recorder = Recorder::in_memory();
    let told = Arc::new(Mutex::new(Vec::new()));
    let client = recorder.process().write(None, Value::from(1), 1).ok(2);
    let under_way = recorder.process().write(None, Value::from(2), 3);
    let ear = told.clone();
    recorder.watch(Checker::default(), move |found| ear.lock().unwrap().push(found.line));
    let client = client.read(None, 4).ok(Value::from(1), 5);
    let _idle = under_way.ok(6);
    let client = client.read(None, 7).ok(Value::from(2), 8);
    assert!(told.lock().unwrap().is_empty(), "every value was written");
    let _idle = client.read(None, 9).ok(Value::from(1), 10);
    assert_eq!(*told.lock().unwrap(), [10]);
}

#[test]
fn what_was_wrong_before_the_watch_is_told_at_once() {
    let recorder = Recorder::in_memory();
    stale(&recorder);
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = told.clone();
    recorder.watch(Checker::default(), move |found| ear.lock().unwrap().push(found.line));
    assert_eq!(*told.lock().unwrap(), [4]);
}

#[test]
fn one_that_forgets_writes_and_checks_the_same() {
    let (kept, forgotten) = (Shared::default(), Shared::default());
    record(&Recorder::new(kept.clone()));
    let recorder: Recorder<Forgets> = Recorder::streaming(forgotten.clone());
    record(&recorder);
    recorder.flush().unwrap();
    assert_eq!(*kept.0.lock().unwrap(), *forgotten.0.lock().unwrap());

    let recorder = Recorder::watching(io::sink(), Checker::default(), |_| ());
    stale(&recorder);
    let report = recorder.report();
    assert_eq!((report.counts.completed, report.violations.len()), (2, 1));
}

#[test]
fn every_models_operations_can_be_recorded() {
    let recorder = Recorder::in_memory();
    let key = |name: &str| Some(Key::from(name));
    let a = recorder.process().enqueue(key("q"), Value::from(1), 1).ok(2);
    let a = a.dequeue(key("q"), 3).ok(Value::from(1), 4);
    let _idle = a.dequeue(key("q"), 5).ok(Value::Null, 6);
    let report = check(&recorder.history(), ModelKind::Queue, &Options::default()).unwrap();
    assert!(report.is_linearizable(), "{report}");

    let recorder = Recorder::in_memory();
    let a = recorder.process().add(key("s"), Value::from("a"), 1).ok(2);
    let a = a.add(key("s"), Value::from("b"), 3).ok(4).remove(key("s"), Value::from("a"), 5).ok(6);
    let _idle = a.read(key("s"), 7).elements(vec![Value::from("b")], 8);
    let report = check(&recorder.history(), ModelKind::Set, &Options::default()).unwrap();
    assert!(report.is_linearizable(), "{report}");
}
