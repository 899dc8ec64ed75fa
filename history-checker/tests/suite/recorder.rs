//! What is recorded is what is read back, and an unknown outcome is never closed.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use history_checker::format::jsonl;
use history_checker::{Answer, FaultEdge, History, Key, Outcome, Recorder, Value};

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
fn record(recorder: &Recorder) {
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
