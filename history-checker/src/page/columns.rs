//! Columns of numbers in few characters: little-endian base 128, in base 64.

use serde::{Serialize, Serializer};

/// Numbers, seven bits to a byte, the highest bit set where more follow (LEB128).
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    bytes: Vec<u8>,
}

impl Column {
    pub(super) fn push(&mut self, mut number: u64) {
        loop {
            let low = number.to_le_bytes()[0] & 0x7f;
            number >>= 7;
            if number == 0 {
                self.bytes.push(low);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// An index, or 0 for none.
    pub(super) fn push_index(&mut self, index: Option<usize>) {
        self.push(index.map_or(0, |index| index as u64 + 1));
    }

    fn base64(&self) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::with_capacity(self.bytes.len().div_ceil(3) * 4);
        for group in self.bytes.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                let value = bits >> (18 - 6 * digit) & 63;
                let known = digit <= group.len();
                text.push(if known { char::from(DIGITS[value as usize]) } else { '=' });
            }
        }
        text
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.base64())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What the page's script does, written down a second time.
    pub(in crate::page) fn numbers(base64: &str) -> Vec<u64> {
        let digit = |byte: u8| match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
        for byte in base64.bytes().filter(|&byte| byte != b'=') {
            bits = bits << 6 | u32::from(digit(byte));
            held += 6;
            if held >= 8 {
                held -= 8;
                bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
            }
        }
        let (mut numbers, mut number, mut shift) = (Vec::new(), 0, 0);
        for byte in bytes {
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                numbers.push(number);
                (number, shift) = (0, 0);
            }
        }
        numbers
    }

    #[test]
    fn numbers_of_every_length_survive() {
        let mut column = Column::default();
        let written: Vec<u64> =
            (0..64).flat_map(|bit| [1_u64 << bit, (1_u64 << bit) - 1]).chain([u64::MAX]).collect();
        written.iter().for_each(|&number| column.push(number));
        assert_eq!(numbers(&column.base64()), written);
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(Column { bytes: bytes.into() }.base64(), text);
        }
    }
}
