//! The client by hand, where a whole run would not show what is missing.

use raft::server::Reply;
use register::Doubt;

use super::*;
use crate::sim::clients::client::{Answer, Ask};

fn client(load: Load) -> RegisterClient {
    RegisterClient::new(0, 3, Random::new(1), load)
}

/// Steps it at its deadlines until it does something; nothing else happens meanwhile.
fn rest(client: &mut RegisterClient, record: &mut RegisterHistory) -> (Timestamp, Vec<ClientAction>) {
    loop {
        let now = client.deadline().expect("a client that waits for nothing");
        client.step(now, ClientEvent::Tick, record);
        let actions: Vec<_> = std::iter::from_fn(|| client.poll()).collect();
        if !actions.is_empty() {
            return (now, actions);
        }
    }
}

/// One operation's kind only.
fn reads() -> Load {
    Load { puts: 0, cas: 0, ..Load::default() }
}

#[test]
fn it_begins_as_many_operations_as_there_is_room_for_and_no_more() {
    for (in_flight, burst_ppm, begun) in [(1, 0, 1), (4, 0, 4), (4, 1_000_000, 4)] {
        let pause = Duration::from_millis(1);
        let mut client = client(Load { in_flight, burst_ppm, pause, ..reads() });
        let mut record = RegisterHistory::default();
        let (now, _) = rest(&mut client, &mut record);
        assert_eq!(record.len(), if burst_ppm > 0 { 4 } else { 1 });
        for millis in 1..100 {
            client.step(now + Duration::from_millis(millis), ClientEvent::Tick, &mut record);
        }
        assert_eq!(record.len(), begun);
    }
}

#[test]
fn what_nobody_waits_for_any_more_stays_open_and_makes_room() {
    let load = Load { abandon_ppm: 1_000_000, ..reads() };
    let (mut client, mut record) = (client(load.clone()), RegisterHistory::default());
    let (now, _) = rest(&mut client, &mut record);
    assert_eq!(client.open.len(), 1);
    let late = now + load.attempt_timeout;
    client.step(late, ClientEvent::Tick, &mut record);
    assert_eq!(client.open.len(), 0);
    client.step(late + load.pause * 2, ClientEvent::Tick, &mut record);
    assert_eq!(record.len(), 2);
    assert_eq!(record.judge().map(|summary| summary.unknown), Ok(2));
}

#[test]
fn after_the_load_every_key_is_read_until_it_is_answered() {
    let (mut client, mut record) = (client(Load { keys: 2, ..reads() }), RegisterHistory::default());
    let mut now = Timestamp::default();
    client.step(now, ClientEvent::Drain, &mut record);
    let (mut read, mut refused) = (0, 0);
    while !client.is_done() {
        while let Some(action) = client.poll() {
            let event = match action {
                ClientAction::Dial(node) => ClientEvent::Connected(node),
                ClientAction::HangUp(node) => ClientEvent::Disconnected(node),
                ClientAction::Send { node, tag, ask } => {
                    assert!(matches!(ask, Ask::Read { .. }));
                    // The first two fail for good.
                    let reply = if refused < 2 {
                        refused += 1;
                        Reply::ReadPanicked("no".into())
                    } else {
                        read += 1;
                        Reply::Read(command::Answer::Seen(None).encode())
                    };
                    ClientEvent::Answered { node, tag, answer: Answer { reply, leader: None } }
                }
            };
            client.step(now, event, &mut record);
        }
        if let Some(at) = client.deadline() {
            now = now.max(at);
            client.step(now, ClientEvent::Tick, &mut record);
        }
    }
    assert_eq!((refused, read), (2, 2));
    assert_eq!(client.deadline(), None);
}

#[test]
fn what_the_register_does_with_a_value_that_is_too_long_is_checked() {
    let finish = |outcome| {
        let (mut client, mut record) = (client(Load::default()), RegisterHistory::default());
        let now = Timestamp::default();
        let operation = record.begin(now, 0, 0, Action::Write(Some(1)));
        let open =
            Open { operation, key: 0, action: Action::Write(Some(1)), is_too_long: true, abandon_at: None };
        client.open.insert(OpId(0), open);
        client.finished(now, OpId(0), outcome, &mut record);
        record.check()
    };
    let refused = Invalid::ValueTooLong(register::outcome::MAX_VALUE + 1);
    assert_eq!(finish(Outcome::NotApplied(refused.into())), Ok(()));
    assert!(finish(Outcome::NotApplied(Failure::Unavailable)).is_err());
    assert!(finish(Outcome::Unknown(Doubt::Unanswered)).is_err());
    assert!(finish(Outcome::Done(command::Answer::Written(Version(1)))).is_err());
}

#[test]
fn a_compare_and_set_expects_what_this_client_wrote_last() {
    let (mut client, mut record) = (client(Load::default()), RegisterHistory::default());
    let now = Timestamp::default();
    let number = Load::number(0, 0);
    client.begin(now, 0, Kind::Put, &mut record);
    client.finished(now, OpId(0), Outcome::Done(command::Answer::Written(Version(7))), &mut record);
    let (by_version, action) = client.operation(0, Kind::CasVersion, 5);
    assert_eq!(action, Action::Cas { from: Some(number), to: 5 });
    let expected = |operation| match operation {
        Operation::Write(Command::Cas { expect, .. }) => expect,
        other => panic!("{other:?}"),
    };
    assert_eq!(expected(by_version), Expect::Version(Version(7)));
    let (by_value, _) = client.operation(0, Kind::CasValue, 5);
    assert_eq!(expected(by_value), Expect::Value(client.load.value(client.random, number)));
}

#[test]
fn a_copy_goes_on_alone_and_does_the_same() {
    let (mut one, mut record) = (client(Load::default()), RegisterHistory::default());
    let _dialled = rest(&mut one, &mut record);
    let (mut other, mut others) = (one.clone(), record.clone());
    for (client, record) in [(&mut one, &mut record), (&mut other, &mut others)] {
        let endpoint = *client.nodes.first_key_value().expect("one was dialled").1;
        client.step(Timestamp::from_millis(50), ClientEvent::Connected(endpoint), record);
    }
    let of = |client: &mut RegisterClient| std::iter::from_fn(|| client.poll()).collect::<Vec<_>>();
    let (ones, same) = (of(&mut one), of(&mut other));
    assert!(!ones.is_empty());
    assert_eq!(ones, same);
}
