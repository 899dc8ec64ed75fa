//! Text to tokens.

use std::io::BufRead;

use super::bytes::{Bytes, Place};
use crate::format::{LineError, ReadError, encoding};

/// Bytes that one form may take, with the comments before and in it.
pub const LONGEST_FORM: usize = 16 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `(`, `[`, `{` or `#{`, by what closes it, and whether it is a map.
    Open { close: u8, map: bool },
    /// `)`, `]` or `}`.
    Close(u8),
    /// `#_`: the next form does not count.
    Discard,
    /// `#name`: the next form is a literal of this kind.
    Tag(String),
    /// A string or a character.
    Text(String),
    /// A number, keyword, symbol, `nil`, `true` or `false`.
    Atom(String),
}

pub(super) struct Tokens<R> {
    bytes: Bytes<R>,
    /// Where the last token begins.
    began: Place,
}

impl<R: BufRead> Tokens<R> {
    pub(super) fn new(input: R) -> Tokens<R> {
        Tokens { bytes: Bytes::new(input), began: (1, 1) }
    }

    /// Where the last token begins.
    pub(super) fn began(&self) -> Place {
        self.began
    }

    /// A form begins here: its length is counted anew.
    pub(super) fn restart(&mut self) {
        self.bytes.restart();
    }

    pub(super) fn wrong(&self, why: impl Into<String>) -> ReadError {
        let (line, column) = self.began;
        ReadError::Form { line, column, reason: LineError::MalformedEdn(why.into()) }
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, ReadError> {
        if self.bytes.place() == (1, 1) {
            self.skip_mark()?;
        }
        self.skip_blank()?;
        // At the end the last token stays the place to name: a line behind the last one is none of the file's.
        if self.bytes.peek()?.is_none() {
            return Ok(None);
        }
        self.began = self.bytes.place();
        let Some(byte) = self.take()? else { return Ok(None) };
        Ok(Some(match byte {
            b'(' => Token::Open { close: b')', map: false },
            b'[' => Token::Open { close: b']', map: false },
            b'{' => Token::Open { close: b'}', map: true },
            b')' | b']' | b'}' => Token::Close(byte),
            b'"' => Token::Text(self.string()?),
            b'\\' => Token::Text(self.character()?),
            b'#' => self.dispatch()?,
            first => Token::Atom(self.word(vec![first])?),
        }))
    }

    fn take(&mut self) -> Result<Option<u8>, ReadError> {
        if self.bytes.taken() >= LONGEST_FORM {
            return Err(self.wrong(format!("a form of more than {LONGEST_FORM} bytes")));
        }
        Ok(self.bytes.next()?)
    }

    /// What some editors put before the text.
    fn skip_mark(&mut self) -> Result<(), ReadError> {
        let mut first = Vec::new();
        while first.len() < encoding::MARK.len() {
            match self.bytes.peek()? {
                // Only what is no ASCII text at all is taken, so nothing is lost.
                Some(byte) if !byte.is_ascii() || byte == 0x1f => first.push(byte),
                _ => break,
            }
            self.bytes.next()?;
        }
        let wrong = |reason| ReadError::Form { line: 1, column: 1, reason };
        match encoding::text(&first).map_err(wrong)? {
            [] => Ok(()),
            _ => Err(self.wrong("text before the first form")),
        }
    }

    /// White space, commas, and comments to the end of their lines.
    fn skip_blank(&mut self) -> Result<(), ReadError> {
        while let Some(byte) = self.bytes.peek()? {
            if byte == b';' {
                while self.bytes.peek()?.is_some_and(|byte| byte != b'\n') {
                    self.bytes.next()?;
                }
            } else if is_blank(byte) {
                self.bytes.next()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Result<Token, ReadError> {
        match self.bytes.peek()? {
            Some(b'{') => {
                self.take()?;
                Ok(Token::Open { close: b'}', map: false })
            }
            Some(b'_') => {
                self.take()?;
                Ok(Token::Discard)
            }
            Some(b'#') => Ok(Token::Atom(self.word(vec![b'#'])?)),
            Some(byte) if byte.is_ascii_alphabetic() => Ok(Token::Tag(self.word(Vec::new())?)),
            _ => Err(self.wrong("`#` without `{`, `_` or a tag")),
        }
    }

    /// The rest of a word.
    fn word(&mut self, mut text: Vec<u8>) -> Result<String, ReadError> {
        while let Some(byte) = self.bytes.peek()? {
            if is_blank(byte) || b"()[]{}\";".contains(&byte) {
                break;
            }
            self.take()?;
            text.push(byte);
        }
        self.utf8(text)
    }

    fn string(&mut self) -> Result<String, ReadError> {
        let mut text = Vec::new();
        loop {
            match self.take()? {
                Some(b'"') => return self.utf8(text),
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    text.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(byte) => text.push(byte),
                None => return Err(self.wrong("a string that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ReadError> {
        Ok(match self.take()? {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => char::from(byte),
            Some(b'u') => return self.unicode(),
            _ => return Err(self.wrong("an unknown escape in a string")),
        })
    }

    /// Four digits; two such escapes for a character beyond 16 bits.
    fn unicode(&mut self) -> Result<char, ReadError> {
        let first = self.four_digits()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.take()? == Some(b'\\') && self.take()? == Some(b'u') {
            units.push(self.four_digits()?);
        }
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(character)), None) => Ok(character),
            _ => Err(self.wrong("`\\u` with half a character")),
        }
    }

    fn four_digits(&mut self) -> Result<u16, ReadError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.take()?.and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.and_then(|digit| u16::try_from(digit).ok());
            unit = unit << 4 | digit.ok_or_else(|| self.wrong("`\\u` without four hexadecimal digits"))?;
        }
        Ok(unit)
    }

    /// `\a`, `\newline`, `\u0041`. Any one byte may follow the backslash, then the rest of the word.
    fn character(&mut self) -> Result<String, ReadError> {
        let first = self.take()?.ok_or_else(|| self.wrong("`\\` without a character"))?;
        let word = self.word(vec![first])?;
        let named = match word.as_str() {
            "newline" => "\n",
            "return" => "\r",
            "space" => " ",
            "tab" => "\t",
            "backspace" => "\u{8}",
            "formfeed" => "\u{c}",
            _ => return self.plain_character(word),
        };
        Ok(named.to_owned())
    }

    fn plain_character(&self, word: String) -> Result<String, ReadError> {
        if word.chars().count() == 1 {
            return Ok(word);
        }
        let code = word.strip_prefix('u').filter(|digits| digits.len() == 4);
        let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let character = code.and_then(char::from_u32);
        character.map(String::from).ok_or_else(|| self.wrong("an unknown character after `\\`"))
    }

    fn utf8(&self, text: Vec<u8>) -> Result<String, ReadError> {
        String::from_utf8(text).map_err(|_| self.wrong("text that is not UTF-8"))
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b',' || byte == 0x0b
}
