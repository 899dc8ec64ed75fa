//! The checksum of entries, records and files: crc32c (Castagnoli; RFC 3720, appendix B.4).

use crc_fast::{CrcAlgorithm, Digest};

/// The reversed polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum of these bytes.
#[must_use]
pub fn crc32c(data: &[u8]) -> u32 {
    crc32c_append(0, data)
}

/// The checksum of what `crc` is the checksum of, with these bytes behind it.
#[must_use]
pub fn crc32c_append(crc: u32, data: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!crc));
    digest.update(data);
    let [a, b, c, d, ..] = digest.finalize().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The checksum of one byte that is known when this is compiled: what begins with it costs no second call.
#[must_use]
pub const fn crc32c_of_byte(byte: u8) -> u32 {
    let mut state = !(byte as u32);
    let mut bit = 0;
    while bit < 8 {
        state = if state & 1 == 1 { (state >> 1) ^ POLYNOMIAL } else { state >> 1 };
        bit += 1;
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRC algorithms.
    #[test]
    fn published_values_come_out() {
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    /// Whatever the lengths, which decide how it is computed.
    #[test]
    fn in_two_parts_it_is_the_same() {
        let data: Vec<u8> = (0..=u8::MAX).cycle().take(9000).collect();
        for end in [1, 7, 255, 256, 257, 1023, 1025, 4097, 9000] {
            for cut in [0, 1, end / 3, end - 1, end] {
                let (first, second) = data[..end].split_at(cut);
                assert_eq!(crc32c_append(crc32c(first), second), crc32c(&data[..end]), "{cut} of {end}");
            }
        }
    }

    #[test]
    fn a_byte_known_early_has_the_same() {
        assert!((0..=u8::MAX).all(|byte| crc32c_of_byte(byte) == crc32c(&[byte])));
    }
}
