//! See `checks::core`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::core::check(input));
