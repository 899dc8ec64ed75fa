//! See `checks::snapshots`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::snapshots::check(input));
