//! See `checks::damage`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::damage::check(input));
