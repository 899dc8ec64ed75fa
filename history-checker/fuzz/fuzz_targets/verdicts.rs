//! The engines against every order tried: small histories of one register, a byte an event.
#![no_main]

#[path = "../../tests/suite/referee.rs"]
mod referee;

use history_checker::format::jsonl;
use history_checker::report::Summary;
use history_checker::{FailedCas, History, Method, ModelKind, Options, check};
use libfuzzer_sys::fuzz_target;

/// More operations have more orders than there is time for.
const OPERATIONS: usize = 8;
const CLIENTS: usize = 4;

fuzz_target!(|input: &[u8]| {
    let Some((settings, events)) = input.split_first() else { return };
    let failed_cas = if settings & 1 == 0 { FailedCas::Drop } else { FailedCas::Observe };
    let text = Clients::new(settings & 2 != 0).run(events);
    let history = jsonl::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let truth = is_linearizable(&history, failed_cas);
    for method in [Method::Auto, Method::SearchOnly] {
        let options = Options { failed_cas, method, ..Options::default() };
        let report = check(&history, ModelKind::CasRegister, &options).unwrap();
        assert_ne!(report.summary(), Summary::Unknown, "{text}");
        assert_eq!(report.is_linearizable(), truth, "{method:?}, {failed_cas:?}\n{report}\n{text}");
    }
});

fn is_linearizable(history: &History, failed_cas: FailedCas) -> bool {
    referee::is_linearizable(history, &Options::default().initial, failed_cas)
}

/// What they did so far, in JSON lines.
struct Clients {
    processes: [usize; CLIENTS],
    open: [Option<&'static str>; CLIENTS],
    invoked: usize,
    /// Whether every value is written once: only then is the quick engine asked.
    unique: bool,
    text: String,
}

impl Clients {
    fn new(unique: bool) -> Clients {
        let processes = std::array::from_fn(|client| client);
        Clients { processes, open: [None; CLIENTS], invoked: 0, unique, text: String::new() }
    }

    fn run(mut self, events: &[u8]) -> String {
        for event in events {
            let (client, kind, value) = (usize::from(event & 3), event >> 2 & 7, event >> 5);
            match self.open[client].take() {
                Some(op) => self.complete(client, op, kind, value),
                None if self.invoked < OPERATIONS => self.invoke(client, kind, value),
                None => {}
            }
        }
        self.text
    }

    fn invoke(&mut self, client: usize, kind: u8, value: u8) {
        self.invoked += 1;
        let to = if self.unique { self.invoked.to_string() } else { self.value(value >> 1) };
        let (op, field) = match kind {
            0..=2 => ("read", String::new()),
            3..=5 => ("write", format!(r#","value":{to}"#)),
            _ => ("cas", format!(r#","value":[{},{to}]"#, self.value(value))),
        };
        self.line(client, "invoke", op, &field);
        self.open[client] = Some(op);
    }

    fn complete(&mut self, client: usize, op: &'static str, kind: u8, value: u8) {
        let seen = self.value(value);
        match (kind, op) {
            (6, _) => self.line(client, "fail", op, ""),
            (7, _) => {
                self.line(client, "info", op, "");
                // Whoever does not know what came of it asks no more.
                self.processes[client] += CLIENTS;
            }
            (_, "read") => self.line(client, "ok", op, &format!(r#","value":{seen}"#)),
            (3, "cas") => self.line(client, "ok", op, r#","swapped":false"#),
            (4 | 5, "cas") => self.line(client, "ok", op, &format!(r#","swapped":false,"seen":{seen}"#)),
            _ => self.line(client, "ok", op, ""),
        }
    }

    /// One of a few that may be there.
    fn value(&self, value: u8) -> String {
        let value = if self.unique { value } else { value & 3 };
        if value == 0 { "null".to_owned() } else { value.to_string() }
    }

    fn line(&mut self, client: usize, kind: &str, op: &str, field: &str) {
        let process = self.processes[client];
        self.text += &format!(r#"{{"process":{process},"kind":"{kind}","op":"{op}"{field},"time":0}}"#);
        self.text.push('\n');
    }
}
