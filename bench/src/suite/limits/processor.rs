//! What one core does in a second.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustls::quic::{Keys, Version};
use rustls::{CipherSuite, Side};

/// Bytes of a packet that is sealed.
pub(super) const PACKET: u16 = 1350;
/// Bytes of the header that is authenticated with it.
const HEADER: usize = 24;
/// Steps between two looks at the clock.
const STEPS: u32 = 1 << 16;

/// Megabytes per second that are encrypted and authenticated, a packet at a time.
pub(super) fn sealing(suite: CipherSuite, window: Duration) -> Result<f64> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut suites = provider.cipher_suites.iter().filter_map(rustls::SupportedCipherSuite::tls13);
    let found = suites.find(|one| one.common.suite == suite);
    let missing = || format!("the cryptography provider lacks {suite:?}");
    let found = found.with_context(missing)?;
    let algorithm = found.quic.with_context(missing)?;
    let keys = Keys::initial(Version::V1, found, algorithm, &[7; 8], Side::Client);
    let (header, mut packet) = ([7; HEADER], vec![7; usize::from(PACKET)]);
    let mut number = 0;
    let packets = per_second(window, || {
        for _ in 0..100 {
            number += 1;
            let tag = keys.local.packet.encrypt_in_place(number, &header, &mut packet);
            black_box(&tag.context("sealing a packet")?);
        }
        Ok(100.0)
    })?;
    Ok(packets * f64::from(PACKET) / 1e6)
}

/// Megabytes per second that are copied.
pub(super) fn copying(window: Duration) -> f64 {
    const PIECE: usize = 1 << 20;
    let (from, mut to) = (vec![7_u8; 64 * PIECE], vec![0_u8; 64 * PIECE]);
    let mut pieces = (0..64).cycle();
    let copied = per_second(window, || {
        let at = pieces.next().unwrap_or(0) * PIECE;
        to[at..at + PIECE].copy_from_slice(black_box(&from[at..at + PIECE]));
        black_box(&mut to);
        Ok(PIECE as f64)
    });
    copied.unwrap_or(0.0) / 1e6
}

/// Millions of steps per second of a fixed loop, each of which waits for the one before.
pub(super) fn counting(window: Duration) -> f64 {
    let mut state = 1_u64;
    let steps = per_second(window, || {
        for _ in 0..STEPS {
            state = (state ^ (state >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        state = black_box(state).max(1);
        Ok(f64::from(STEPS))
    });
    steps.unwrap_or(0.0) / 1e6
}

/// The sum of what `work` answers, per second.
fn per_second(window: Duration, mut work: impl FnMut() -> Result<f64>) -> Result<f64> {
    let begun = Instant::now();
    let mut sum = 0.0;
    loop {
        sum += work()?;
        let elapsed = begun.elapsed();
        if elapsed >= window {
            return Ok(sum / elapsed.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_a_speed() {
        let window = Duration::from_millis(2);
        for (suite, _) in super::super::SUITES {
            assert!(sealing(suite, window).unwrap() > 0.0);
        }
        assert!(sealing(CipherSuite::TLS13_AES_128_CCM_SHA256, window).is_err());
        assert!(copying(window) > 0.0 && counting(window) > 0.0);
    }
}
