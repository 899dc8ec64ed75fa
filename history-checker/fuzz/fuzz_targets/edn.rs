//! EDN: what is read can be written and read again, in JSON lines too; what is wrong has a line and a column.
#![no_main]

mod common;

use history_checker::format::{edn, jsonl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for keyed in [false, true] {
        match edn::read(input, edn::Options { keyed }) {
            Err(error) => common::names_a_line(&error, input),
            Ok(history) => {
                common::same_length(&history, edn::events(input, edn::Options { keyed }));
                let (mut forms, mut lines) = (Vec::new(), Vec::new());
                edn::write_history(&mut forms, &history).unwrap();
                common::same(&history, &edn::read(forms.as_slice(), edn::Options::default()).unwrap());
                jsonl::write_history(&mut lines, &history).unwrap();
                common::same(&history, &jsonl::read(lines.as_slice()).unwrap());
            }
        }
    }
});
