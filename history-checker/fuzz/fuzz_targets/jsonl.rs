//! JSON lines: what is read can be written and read again; what is wrong has a line.
#![no_main]

mod common;

use history_checker::format::jsonl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match jsonl::read(input) {
        Err(error) => common::names_a_line(&error, input),
        Ok(history) => {
            common::same_length(&history, jsonl::events(input));
            let mut text = Vec::new();
            jsonl::write_history(&mut text, &history).unwrap();
            common::same(&history, &jsonl::read(text.as_slice()).unwrap());
        }
    }
});
