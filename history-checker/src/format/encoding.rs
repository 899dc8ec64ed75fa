//! What the first bytes of a file say of its encoding.

use super::LineError;

/// Of UTF-8; some editors put it before the text.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// The text behind the mark, if there is one.
///
/// # Errors
/// The bytes begin as no text in UTF-8 does, but as something that people mistake for it.
pub(super) fn text(bytes: &[u8]) -> Result<&[u8], LineError> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(LineError::Encoding("UTF-16: convert it to UTF-8")),
        [0x1f, 0x8b, ..] => Err(LineError::Encoding("packed with gzip: unpack it")),
        _ => Ok(bytes.strip_prefix(MARK).unwrap_or(bytes)),
    }
}
