//! The usual shape of a line, read without a general parser: known fields, once each, no escapes, short integers, at
//! most one space behind a comma or colon. Every other line is left to serde, so what is wrong with it is said there.

use std::borrow::Cow;

use super::line::{Payload, Raw};
use crate::value::Value;

/// More digits might not fit in 64 bits.
const DIGITS: usize = 18;

/// The fields of a usual line; `None` if it is not one.
pub(super) fn scan(text: &[u8]) -> Option<Raw<'_>> {
    let mut rest = Rest(text);
    let mut raw = Raw::default();
    rest.byte(b'{')?;
    loop {
        let name = rest.string()?;
        rest.byte(b':')?;
        rest.space();
        match name {
            "process" => once(&mut raw.process, rest.unsigned()?)?,
            "kind" => once(&mut raw.kind, Cow::Borrowed(rest.string()?))?,
            "op" => once(&mut raw.op, Cow::Borrowed(rest.string()?))?,
            "key" => once(&mut raw.key, Cow::Borrowed(rest.string()?))?,
            "value" => once(&mut raw.value, rest.payload()?)?,
            "swapped" => once(&mut raw.swapped, rest.boolean()?)?,
            "seen" => once(&mut raw.seen, rest.scalar()?)?,
            "version" => once(&mut raw.version, rest.unsigned()?)?,
            "time" => once(&mut raw.time, rest.unsigned()?)?,
            _ => return None,
        }
        match rest.next()? {
            b',' => rest.space(),
            b'}' => break,
            _ => return None,
        }
    }
    matches!(rest.0, b"" | b"\n" | b"\r\n").then_some(raw)
}

fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    fn space(&mut self) {
        self.0 = self.0.strip_prefix(b" ").unwrap_or(self.0);
    }

    fn string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let plain = |byte: &u8| *byte != b'"' && *byte != b'\\' && (0x20..0x80).contains(byte);
        let length = self.0.iter().position(|byte| !plain(byte))?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        self.byte(b'"')?;
        std::str::from_utf8(text).ok()
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        let mut digits = 0;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.0.split_first() {
            number = number * 10 + u64::from(digit - b'0');
            digits += 1;
            if digits > DIGITS || digits == 2 && number < 10 {
                return None;
            }
            self.0 = rest;
        }
        (digits > 0).then_some(number)
    }

    fn boolean(&mut self) -> Option<bool> {
        if self.word(b"true").is_some() {
            return Some(true);
        }
        self.word(b"false").map(|()| false)
    }

    fn scalar(&mut self) -> Option<Value> {
        match self.0.first()? {
            b'"' => self.string().map(Value::from),
            b'0'..=b'9' => self.unsigned().map(Value::from),
            b'-' => {
                self.byte(b'-')?;
                // JSON has a zero with a sign, and it is a float.
                let magnitude = self.unsigned().filter(|magnitude| *magnitude > 0)?;
                i64::try_from(magnitude).ok().map(|magnitude| Value::from(-magnitude))
            }
            b'n' => self.word(b"null").map(|()| Value::Null),
            _ => self.boolean().map(Value::Bool),
        }
    }

    /// A scalar or a pair. Longer arrays are answers of sets, and rare.
    fn payload(&mut self) -> Option<Payload> {
        if self.0.first() != Some(&b'[') {
            return self.scalar().map(Payload::Scalar);
        }
        self.byte(b'[')?;
        let first = self.scalar()?;
        self.byte(b',')?;
        self.space();
        let second = self.scalar()?;
        self.byte(b']')?;
        Some(Payload::Pair([first, second]))
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::super::line::{parse, parse_slowly};
    use super::*;

    const FIELDS: [&str; 11] =
        ["process", "kind", "op", "key", "value", "swapped", "seen", "version", "time", "fault", "other"];

    const VALUES: [&str; 44] = [
        "0",
        "1",
        "7",
        "00",
        "01",
        "-0",
        "-1",
        "-01",
        "1.0",
        "1e3",
        "-1.5",
        "999999999999999999",
        "1000000000000000000",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "null",
        "true",
        "false",
        "tru",
        "nul",
        "\"\"",
        "\"a\"",
        "\"k1\"",
        "\"a\\n\"",
        "\"\\u0041\"",
        "\"é\"",
        "\"\u{1}\"",
        "\"a",
        "[1,2]",
        "[1, 2]",
        "[1 ,2]",
        "[\"a\",null]",
        "[1]",
        "[]",
        "[1,2,3]",
        "[[1],2]",
        "{}",
        "{\"a\":1}",
        "[1,2",
        "[true,-3]",
        "",
        " 1",
    ];

    /// A value that the field may have, mostly.
    fn value(field: &str, rng: &mut Rng) -> &'static str {
        const KINDS: [&str; 5] = ["\"invoke\"", "\"ok\"", "\"fail\"", "\"info\"", "\"begin\""];
        const OPS: [&str; 7] =
            ["\"read\"", "\"write\"", "\"cas\"", "\"add\"", "\"remove\"", "\"enqueue\"", "\"dequeue\""];
        match field {
            _ if rng.u8(..40) == 0 => VALUES[rng.usize(..VALUES.len())],
            "process" | "version" | "time" => VALUES[rng.usize(..3)],
            "kind" => KINDS[rng.usize(..KINDS.len())],
            "op" => OPS[rng.usize(..OPS.len())],
            "key" => "\"k1\"",
            "swapped" => ["true", "false"][rng.usize(..2)],
            "value" | "seen" => ["1", "-7", "null", "\"a\"", "[1,2]", "[\"a\", null]"][rng.usize(..6)],
            _ => VALUES[rng.usize(..VALUES.len())],
        }
    }

    fn line(rng: &mut Rng) -> Vec<u8> {
        let mut fields: Vec<&str> = FIELDS[..9].iter().copied().filter(|_| rng.u8(..20) > 0).collect();
        if rng.u8(..4) == 0 {
            rng.shuffle(&mut fields);
        }
        if rng.u8(..10) == 0 {
            fields.push(FIELDS[rng.usize(..FIELDS.len())]);
        }
        let space = ["", "", "", " ", " ", "  "][rng.usize(..6)];
        let pairs: Vec<String> =
            fields.iter().map(|field| format!("{space}\"{field}\":{space}{}", value(field, rng))).collect();
        let mut text = format!("{{{}}}", pairs.join(",").trim_start()).into_bytes();
        if rng.u8(..10) == 0 {
            let at = rng.usize(..text.len());
            text[at] = b"{}[]\",:1-\\ \xff"[rng.usize(..12)];
        }
        text.extend_from_slice([&b""[..], b"\n", b"\r\n", b" ", b"}"][rng.usize(..5)]);
        text
    }

    /// The same event or the same error, for usual and odd lines alike. `CHECKER_LINES` sets how many.
    #[test]
    fn what_is_read_quickly_is_what_serde_reads() {
        let lines = std::env::var("CHECKER_LINES").map_or(10_000, |count| count.parse().unwrap());
        let mut rng = Rng::with_seed(5);
        let (mut quick, mut good) = (0, 0);
        for _ in 0..lines {
            let text = line(&mut rng);
            let slow = parse_slowly(&text);
            assert_eq!(parse(&text), slow, "{}", String::from_utf8_lossy(&text));
            quick += usize::from(scan(&text).is_some());
            good += usize::from(slow.is_ok());
        }
        assert!(quick > lines / 5 && good > lines / 10, "{quick} of {lines} quick, {good} good");
    }

    /// Each odd value alone, in a line that is good otherwise.
    #[test]
    fn every_odd_value_is_read_as_serde_reads_it() {
        for value in VALUES {
            for text in [
                format!(r#"{{"process":1,"kind":"ok","op":"read","value":{value},"time":1}}"#),
                format!(r#"{{"process":1,"kind":"ok","op":"cas","swapped":false,"seen":{value},"time":1}}"#),
                format!(r#"{{"process":{value},"kind":"info","op":"cas","key":{value},"time":{value}}}"#),
            ] {
                assert_eq!(parse(text.as_bytes()), parse_slowly(text.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn what_the_writer_writes_is_read_quickly() {
        for line in [
            r#"{"process":3,"kind":"invoke","op":"cas","key":"k","value":[1,2],"time":123}"#,
            r#"{"process":3,"kind":"ok","op":"cas","value":[1,null],"swapped":false,"seen":-7,"version":9,"time":4}"#,
            r#"{"process":3,"kind":"ok","op":"read","value":"seven","time":123}"#,
        ] {
            assert!(scan(line.as_bytes()).is_some(), "{line}");
        }
    }
}
