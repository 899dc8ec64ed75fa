//! Tokens to forms, one element of the history at a time.

use std::io::BufRead;

use serde_json::Number;

use super::bytes::Place;
use super::token::{Token, Tokens};
use crate::format::ReadError;

/// Forms that may stand in one another, the vector of the whole history not counted.
pub const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Nil,
    Bool(bool),
    Number(Number),
    Text(String),
    Keyword(String),
    /// A symbol, or a number that is kept as its text.
    Symbol(String),
    /// A vector, list or set.
    List(Vec<Form>),
    Map(Vec<(Form, Form)>),
    /// A literal whose tag ends in `tuple`.
    Tuple(Box<Form>),
}

/// The elements of the outer vector, or the forms outside of any.
pub(super) struct Forms<R> {
    tokens: Tokens<R>,
    /// What closes the outer vector, while inside.
    outer: Option<u8>,
    began: Place,
}

impl<R: BufRead> Forms<R> {
    pub(super) fn new(input: R) -> Forms<R> {
        Forms { tokens: Tokens::new(input), outer: None, began: (1, 1) }
    }

    /// Where the last form begins.
    pub(super) fn began(&self) -> Place {
        self.began
    }

    /// The next form; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Form>, ReadError> {
        let mut tagged = false;
        loop {
            self.tokens.restart();
            let token = self.tokens.next()?;
            self.began = self.tokens.began();
            match token {
                None if self.outer.is_some() => return Err(self.tokens.wrong("the history does not end")),
                None if tagged => return Err(self.tokens.wrong("a form is missing at the end")),
                None => return Ok(None),
                Some(Token::Close(close)) if self.outer == Some(close) => self.outer = None,
                Some(Token::Open { close, map: false }) if self.outer.is_none() => self.outer = Some(close),
                // Of a record, or of the whole history: both look like what they hold.
                Some(Token::Tag(_)) => {
                    tagged = true;
                    continue;
                }
                Some(Token::Discard) => drop(self.required(0)?),
                Some(token) => return self.form(token, 0).map(Some),
            }
            tagged = false;
        }
    }

    /// The form that begins with `token`.
    fn form(&mut self, token: Token, depth: usize) -> Result<Form, ReadError> {
        if depth > DEEPEST {
            return Err(self.tokens.wrong(format!("more than {DEEPEST} forms in one another")));
        }
        match token {
            Token::Open { close, map: false } => Ok(Form::List(self.elements(close, depth)?)),
            Token::Open { close, map: true } => {
                let mut elements = self.elements(close, depth)?.into_iter();
                let mut entries = Vec::with_capacity(elements.len() / 2);
                while let Some(key) = elements.next() {
                    let value = elements.next();
                    entries.push((key, value.ok_or_else(|| self.tokens.wrong("a key without a value"))?));
                }
                Ok(Form::Map(entries))
            }
            Token::Close(close) => Err(self.tokens.wrong(format!("`{}` closes nothing", char::from(close)))),
            Token::Text(text) => Ok(Form::Text(text)),
            Token::Atom(word) => atom(word).map_err(|why| self.tokens.wrong(why)),
            Token::Tag(tag) => {
                let form = self.required(depth + 1)?;
                Ok(if tag.ends_with("tuple") { Form::Tuple(Box::new(form)) } else { form })
            }
            Token::Discard => {
                self.required(depth + 1)?;
                self.required(depth + 1)
            }
        }
    }

    /// The next form, which must be there.
    fn required(&mut self, depth: usize) -> Result<Form, ReadError> {
        match self.tokens.next()? {
            Some(token) => self.form(token, depth),
            None => Err(self.tokens.wrong("a form is missing at the end")),
        }
    }

    fn elements(&mut self, close: u8, depth: usize) -> Result<Vec<Form>, ReadError> {
        let mut elements = Vec::new();
        loop {
            match self.tokens.next()? {
                Some(Token::Close(found)) if found == close => return Ok(elements),
                // What is discarded may be the last thing before the end.
                Some(Token::Discard) => drop(self.required(depth + 1)?),
                Some(token) => elements.push(self.form(token, depth + 1)?),
                None => return Err(self.tokens.wrong(format!("`{}` is missing", char::from(close)))),
            }
        }
    }
}

fn atom(word: String) -> Result<Form, String> {
    Ok(match word.as_str() {
        "nil" => Form::Nil,
        "true" => Form::Bool(true),
        "false" => Form::Bool(false),
        _ => {
            if let Some(keyword) = word.strip_prefix(':') {
                return match keyword {
                    "" => Err("`:` without a name (JSON lines are read as such by the name .jsonl or --format jsonl)".to_owned()),
                    name => Ok(Form::Keyword(name.to_owned())),
                };
            }
            let digits = word.strip_prefix(['+', '-']).unwrap_or(&word);
            match digits.bytes().next() {
                Some(first) if first.is_ascii_digit() => number(word)?,
                _ => Form::Symbol(word),
            }
        }
    })
}

/// Ratios and exact decimals stay as they are written: rounded, two of them could become one.
fn number(word: String) -> Result<Form, String> {
    let wrong = || format!("`{word}` is not a number");
    let integer = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(&word);
    if let Some((above, below)) = unsigned.split_once('/') {
        return if integer(above) && integer(below) { Ok(Form::Symbol(word)) } else { Err(wrong()) };
    }
    let whole = unsigned.strip_suffix('N').unwrap_or(unsigned);
    if integer(whole) {
        let negative = word.starts_with('-');
        let number = match negative {
            true => format!("-{whole}").parse::<i64>().ok().map(Number::from),
            false => whole.parse::<u64>().ok().map(Number::from),
        };
        let number = number.ok_or("an integer beyond 64 bits: write it as a string")?;
        return Ok(Form::Number(number));
    }
    let exact = unsigned.strip_suffix('M');
    let float: f64 = exact.unwrap_or(unsigned).parse().map_err(|_| wrong())?;
    if exact.is_some() {
        return Ok(Form::Symbol(word));
    }
    let float = if word.starts_with('-') { -float } else { float };
    // As in JSON, where it could not be told from an integer that was rounded.
    if float.fract() == 0.0 && float.abs() >= 9_007_199_254_740_992.0 {
        return Err("a whole number beyond 53 bits as a float: write it as a string".to_owned());
    }
    Number::from_f64(float).map(Form::Number).ok_or_else(wrong)
}
