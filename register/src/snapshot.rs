//! The state as a stream: `magic · count u64le · entries · crc32c u32le`, an entry being
//! `key_len u16le · value_len u32le · version u64le · key · value`. The checksum is over everything
//! before it. Lengths are checked before anything is allocated for them.

use std::io::{self, ErrorKind, Read, Write};

use raft::checksum::crc32c_append;

use crate::command::{check_key, check_value};
use crate::machine::Register;
use crate::outcome::{Invalid, Version};

/// The last character is the format's version.
const MAGIC: &[u8; 8] = b"regsnap1";

/// Why a stream is not a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The source failed, or ended early.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something else, or of another version of this program.
    #[error("not a snapshot of a register that this program understands")]
    Magic,
    /// An entry beyond the limits.
    #[error("snapshot entry {entry}: {invalid}")]
    Entry {
        /// Which, from 0.
        entry: u64,
        /// What is wrong with it.
        invalid: Invalid,
    },
    /// The same key twice.
    #[error("snapshot entry {0} repeats a key")]
    Repeated(u64),
    /// Not what was written.
    #[error("the snapshot's checksum does not match its content")]
    Checksum,
    /// More than what was written.
    #[error("the snapshot has bytes behind its end")]
    Trailing,
}

impl From<RestoreError> for io::Error {
    fn from(error: RestoreError) -> io::Error {
        match error {
            RestoreError::Io(error) => error,
            other => io::Error::new(ErrorKind::InvalidData, other),
        }
    }
}

/// Writes every key.
pub(crate) fn write(register: &Register, sink: &mut dyn Write) -> io::Result<()> {
    let mut sink = Summed { inner: io::BufWriter::with_capacity(64 << 10, sink), crc: 0 };
    sink.write_all(MAGIC)?;
    sink.write_all(&(register.len() as u64).to_le_bytes())?;
    for (key, held) in register.iter() {
        // Both fit: what is in the map was within the limits when it was written.
        let key_len = u16::try_from(key.len()).map_err(io::Error::other)?;
        let value_len = u32::try_from(held.value.len()).map_err(io::Error::other)?;
        sink.write_all(&key_len.to_le_bytes())?;
        sink.write_all(&value_len.to_le_bytes())?;
        sink.write_all(&held.version.0.to_le_bytes())?;
        sink.write_all(key)?;
        sink.write_all(&held.value)?;
    }
    let crc = sink.crc.to_le_bytes();
    sink.inner.write_all(&crc)?;
    sink.inner.flush()
}

/// Builds the state that [`write`] wrote.
pub(crate) fn read(source: &mut dyn Read) -> Result<Register, RestoreError> {
    let mut source = Summed { inner: io::BufReader::with_capacity(64 << 10, source), crc: 0 };
    if &array::<8>(&mut source)? != MAGIC {
        return Err(RestoreError::Magic);
    }
    let count = u64::from_le_bytes(array(&mut source)?);
    let mut register = Register::new();
    for entry in 0..count {
        let key_len = usize::from(u16::from_le_bytes(array(&mut source)?));
        let value_len = u32::from_le_bytes(array(&mut source)?) as usize;
        let version = Version(u64::from_le_bytes(array(&mut source)?));
        check_key(key_len)
            .and_then(|()| check_value(value_len))
            .map_err(|invalid| RestoreError::Entry { entry, invalid })?;
        let mut key = vec![0; key_len];
        source.read_exact(&mut key)?;
        let mut value = vec![0; value_len];
        source.read_exact(&mut value)?;
        if !register.insert(key.into(), version, &value) {
            return Err(RestoreError::Repeated(entry));
        }
    }
    let wanted = source.crc;
    if u32::from_le_bytes(array(&mut source)?) != wanted {
        return Err(RestoreError::Checksum);
    }
    match source.read(&mut [0])? {
        0 => Ok(register),
        _ => Err(RestoreError::Trailing),
    }
}

fn array<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Adds up what passes through.
struct Summed<T> {
    inner: T,
    crc: u32,
}

impl<T: Write> Summed<T> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc32c_append(self.crc, bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc = crc32c_append(self.crc, &buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use raft::checksum::crc32c;

    use super::*;

    fn written() -> Vec<u8> {
        let mut register = Register::new();
        register.insert("k".into(), Version(3), b"value");
        let mut bytes = Vec::new();
        write(&register, &mut bytes).unwrap();
        bytes
    }

    fn read_back(bytes: &[u8]) -> Result<Register, RestoreError> {
        read(&mut &*bytes)
    }

    #[test]
    fn golden_bytes() {
        let head = b"regsnap1\x01\0\0\0\0\0\0\0\x01\0\x05\0\0\0\x03\0\0\0\0\0\0\0kvalue";
        let whole = [&head[..], &crc32c(head).to_le_bytes()].concat();
        assert_eq!(written(), whole);
        assert_eq!(
            read_back(&whole).unwrap().get(&bytes::Bytes::from_static(b"k")).unwrap().version,
            Version(3)
        );
    }

    #[test]
    fn every_cut_every_flipped_bit_and_every_extra_byte_is_noticed() {
        let good = written();
        for end in 0..good.len() {
            assert!(read_back(&good[..end]).is_err(), "cut to {end}");
        }
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(read_back(&bad).is_err(), "bit {at} flipped");
        }
        assert!(matches!(read_back(&[&good[..], b"x"].concat()), Err(RestoreError::Trailing)));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        let mut bad = written();
        bad[18..22].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = read_back(&bad).unwrap_err();
        assert!(
            matches!(error, RestoreError::Entry { entry: 0, invalid: Invalid::ValueTooLong(_) }),
            "{error}"
        );
    }

    #[test]
    fn a_key_stands_once() {
        let entry = &written()[16..36];
        let body = [b"regsnap1", &2_u64.to_le_bytes()[..], entry, entry].concat();
        let whole = [&body[..], &crc32c(&body).to_le_bytes()].concat();
        assert!(matches!(read_back(&whole), Err(RestoreError::Repeated(1))));
    }
}
