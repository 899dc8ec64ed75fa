//! See `checks::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::wire::check(input));
