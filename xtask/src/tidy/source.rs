//! Rust text with everything blanked that is not code: comments, strings, test modules. Blanking
//! keeps every line and column, so a finding can say where it is.

/// `text` with comments and the contents of literals replaced by spaces; as many bytes, same lines.
pub(super) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => {
                bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
            }
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word(bytes, at.wrapping_sub(1)) || bytes.get(at.wrapping_sub(1)) == Some(&b'b') => {
                match raw_string_end(bytes, at) {
                    Some(end) => end,
                    None => {
                        at += 1;
                        continue;
                    }
                }
            }
            b'\'' => match char_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        blank(&mut out, at, end);
        at = end;
    }
    // Whole literals and comments were replaced, so what is left is still UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// [`code`] without the items under `#[cfg(test)]`.
pub(super) fn code_without_tests(text: &str) -> String {
    let code = code(text);
    let mut out = code.clone().into_bytes();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code.as_bytes(), start);
        blank(&mut out, start, end);
        from = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where `word` stands in `code` as a word of its own.
pub(super) fn find_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let ends_in_word = word.bytes().last().is_some_and(is_word_byte);
        let glued_before = *at > 0 && is_word(bytes, at - 1);
        let glued_after = ends_in_word && is_word(bytes, at + word.len());
        !glued_before && !glued_after
    })
}

/// The line, counted from 1, that the byte at `offset` stands on.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1
}

fn is_word(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).copied().is_some_and(is_word_byte)
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn blank(out: &mut [u8], from: usize, to: usize) {
    for byte in &mut out[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `r"…"` or `r#"…"#`; none if `r` begins something else.
fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..].iter().take_while(|b| **b == b'#').count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = &bytes[open + 1..];
    let found = body.windows(close.len()).position(|window| window == close);
    Some(found.map_or(bytes.len(), |n| open + 1 + n + close.len()))
}

/// A character literal; none if the quote begins a lifetime.
fn char_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        let close = bytes[start + 3..].iter().position(|b| *b == b'\'')?;
        return Some(start + 3 + close + 1);
    }
    // One character is at most four bytes.
    let close = bytes[start + 1..].iter().take(5).position(|b| *b == b'\'')?;
    let one_char = std::str::from_utf8(&bytes[start + 1..start + 1 + close]).ok()?.chars().count() == 1;
    one_char.then_some(start + 1 + close + 1)
}

/// The end of the item whose attributes begin at `start`: its closing brace, or its semicolon.
fn item_end(code: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let text = "a // x\nb /* y /* z */ */ c \"q\\\"q\" r#\"t\"t\"# 'u' 'w b'\\'' d";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "c", "'w", "b", "d"]);
        assert_eq!(line_of(&code, code.find('d').unwrap()), 2);
    }

    #[test]
    fn test_items_are_blanked_and_the_rest_stays() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if x {} } }\n#[cfg(test)]\nuse c;\nfn d() {}";
        let words = code_without_tests(text);
        assert_eq!(words.split_whitespace().collect::<String>(), "fna(){}fnd(){}");
    }

    #[test]
    fn words_are_found_only_whole() {
        assert_eq!(find_word("rand::x fastrand::y", "rand::").collect::<Vec<_>>(), [0]);
        assert_eq!(find_word("HashMap MyHashMap HashMaps", "HashMap").collect::<Vec<_>>(), [0]);
    }
}
