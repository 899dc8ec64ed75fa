//! Any client, recorded: what is written down of each call, and what is found while it happens.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use history_checker::{Action, Answer, Checker, Client, Outcome, Recorder, Swap, Value};

#[derive(Debug, PartialEq)]
enum Error {
    Refused,
    Timeout,
}

fn client(recorder: &Recorder) -> Client<Error> {
    let clock = AtomicU64::new(0);
    Client::new(recorder, move || clock.fetch_add(1, Ordering::Relaxed), |error| *error == Error::Refused)
}

/// Runs what is never really pending.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn what_came_of_a_call_is_what_it_says() {
    let recorder = Recorder::in_memory();
    let mut client = client(&recorder);
    now(client.write("k", 1_u64, ready(Ok(())))).unwrap();
    assert_eq!(now(client.read("k", ready(Ok(Some(1_u64))))), Ok(Some(1)));
    assert_eq!(now(client.cas("k", 1_u64, 2_u64, ready(Ok(true)))), Ok(true));
    let seen = Swap::NotSwapped(Some(Value::from(2_u64)));
    now(client.cas("k", 1_u64, 3_u64, ready(Ok(seen.clone())))).unwrap();
    now(client.write("k", 4_u64, ready(Err::<(), _>(Error::Refused)))).unwrap_err();
    now(client.write("k", 5_u64, ready(Err::<(), _>(Error::Timeout)))).unwrap_err();
    now(client.read("k", ready(Ok(None::<u64>)))).unwrap();

    let history = recorder.history();
    let [write, read, swapped, not_swapped, refused, unknown, empty] = history.operations() else {
        panic!("{history:?}")
    };
    let answer = |operation: &history_checker::Operation| match &operation.outcome {
        Outcome::Ok { answer, .. } => answer.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((answer(write), answer(read)), (Answer::Done, Answer::Read(Value::from(1_u64))));
    assert_eq!(swapped.action, Action::Cas { from: Value::from(1_u64), to: Value::from(2_u64) });
    assert_eq!(answer(swapped), Answer::Swapped);
    assert_eq!(answer(not_swapped), Answer::NotSwapped { seen: Some(Value::from(2_u64)) });
    assert!(matches!(refused.outcome, Outcome::NotApplied { .. }));
    assert!(matches!(unknown.outcome, Outcome::Unknown { gave_up: Some(_) }));
    assert_eq!(answer(empty), Answer::Read(Value::Null));
    // Nobody knows whether the process before is still at it.
    assert!(refused.process == unknown.process && unknown.process != empty.process);
}

#[test]
fn a_call_that_is_dropped_stays_open() {
    let recorder = Recorder::in_memory();
    let mut client = client(&recorder);
    {
        let mut call = pin!(client.write("k", 1_u64, pending::<Result<(), Error>>()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    now(client.read("k", ready(Ok(Some(1_u64))))).unwrap();
    let history = recorder.history();
    let [dropped, next] = history.operations() else { panic!("{history:?}") };
    assert_eq!(dropped.outcome, Outcome::Unknown { gave_up: None });
    assert_ne!(dropped.process, next.process);
}

#[test]
fn a_violation_is_told_when_it_happens() {
    let recorder = Recorder::in_memory();
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = told.clone();
    recorder.watch(Checker::default(), move |violation| ear.lock().unwrap().push(violation.line));
    let mut client = client(&recorder);
    now(client.write("k", 1_u64, ready(Ok(())))).unwrap();
    now(client.read("k", ready(Ok(None::<u64>)))).unwrap();
    assert_eq!(*told.lock().unwrap(), [4]);
    now(client.read("k", ready(Ok(None::<u64>)))).unwrap();
    assert_eq!(*told.lock().unwrap(), [4]);
}

#[test]
fn a_client_of_any_object_is_recorded() {
    let recorder = Recorder::in_memory();
    let mut client = client(&recorder);
    now(client.add((), 2, ready(Ok(())))).unwrap();
    now(client.remove((), 2_u32, ready(Ok(())))).unwrap();
    now(client.elements((), ready(Ok(vec!["a"])))).unwrap();
    now(client.enqueue("q", true, ready(Ok(())))).unwrap();
    now(client.dequeue("q", ready(Ok(None::<i64>)))).unwrap();
    let history = recorder.history();
    let said: Vec<String> = history.operations().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "process 0's add of 2 (lines 1–2)",
            "process 0's removal of 2 (lines 3–4)",
            "process 0's read that saw {\"a\"} (lines 5–6)",
            "process 0's enqueue of true (lines 7–8)",
            "process 0's dequeue that saw null (lines 9–10)",
        ]
    );
    assert_eq!((&history.operations()[0].key, &history.operations()[4].key), (&None, &Some("q".into())));
}

#[test]
fn versions_are_recorded_and_what_is_certain_may_depend_on_the_surroundings() {
    let recorder = Recorder::in_memory();
    let certain = [Error::Refused];
    let mut client: Client<Error> = Client::new(&recorder, || 0, move |error| certain.contains(error));
    now(client.write_versioned("k", 7, ready(Ok(4_u64)), |version| Some(*version))).unwrap();
    now(client.read_versioned("k", ready(Ok((7, 4))), |(value, version)| ((*value).into(), Some(*version))))
        .unwrap();
    now(client.cas_versioned("k", 7, 8, ready(Ok(5)), |version| (Swap::Swapped, Some(*version)))).unwrap();
    now(client.write("k", 9, ready(Err::<(), _>(Error::Refused)))).unwrap_err();
    let history = recorder.history();
    let versions: Vec<Option<u64>> = history
        .operations()
        .iter()
        .map(|operation| match operation.outcome {
            Outcome::Ok { version, .. } => version,
            _ => None,
        })
        .collect();
    assert_eq!(versions, [Some(4), Some(4), Some(5), None]);
    assert!(matches!(history.operations()[3].outcome, Outcome::NotApplied { .. }));
}
