//! What the page says without its script, and to those who do not see it: the verdict, and for every key that is not
//! linearizable the sentence and the operations that it is about.

use std::fmt::Write as _;

use crate::history::{History, Operation};
use crate::report::{Counts, KeyReport, Report, Summary, Unexplained, Verdict, Violation};

/// Findings that are written out; the others are counted.
const LISTED: usize = 50;

/// `text` as it may stand in an element or a quoted attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The verdict and the counts.
pub(super) fn summary(report: &Report) -> String {
    let (class, mark) = match report.summary() {
        Summary::Linearizable => ("good", "✓"),
        Summary::Unknown => ("unknown", "?"),
        Summary::NotLinearizable => ("bad", "✗"),
    };
    let keys = match report.keys.len() {
        0 | 1 => String::new(),
        keys => format!(", {} keys", grouped(keys)),
    };
    let Counts { completed, open, not_applied } = report.counts();
    let [all, open, failed] = [completed + open + not_applied, open, not_applied].map(grouped);
    format!(
        "<span class=\"verdict {class}\"><span aria-hidden=\"true\">{mark}</span> {}</span> \
         <span>{all} operations ({open} open, {failed} failed){keys}, model {}, failed cas: {}</span>",
        report.summary(),
        escape(&report.model_name()),
        report.failed_cas,
    )
}

/// With a narrow space between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// An article for each key that is not known to be linearizable, wrong ones first.
pub(super) fn findings(history: &History, report: &Report) -> String {
    let mut keys: Vec<&KeyReport> =
        report.keys.iter().filter(|key| key.verdict.summary() != Summary::Linearizable).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.verdict.summary()));
    let mut text = String::new();
    for key in keys.iter().take(LISTED) {
        finding(&mut text, history, key);
    }
    if keys.len() > LISTED {
        let _infallible = write!(text, "<p>… and {} more keys</p>", keys.len() - LISTED);
    }
    text
}

fn finding(text: &mut String, history: &History, report: &KeyReport) {
    let (class, sentence, operations) = match &report.verdict {
        Verdict::Linearizable { .. } => return,
        Verdict::NotLinearizable(Violation { sentence, operations, .. }) => {
            ("bad", sentence, operations.clone())
        }
        Verdict::Unknown(Unexplained { sentence, next, .. }) => {
            ("unknown", sentence, next.iter().copied().collect())
        }
    };
    let proof = match &report.verdict {
        Verdict::NotLinearizable(Violation { core, .. }) => {
            let few = core.operations.len();
            let prove = if few == 1 { "operation proves" } else { "operations prove" };
            format!("<p>{} {prove} it, {}</p>", grouped(few), core.certified)
        }
        Verdict::Linearizable { .. } | Verdict::Unknown(_) => String::new(),
    };
    let degree = report.degree.as_ref().map(|degree| {
        let words = format!("degree: {degree}");
        let mut lines = words.lines().map(|line| escape(line.trim()));
        let first = lines.next().unwrap_or_default();
        format!("<p>{first}{}</p>", lines.map(|line| format!("<br>{line}")).collect::<String>())
    });
    let key = report.key.as_ref().map(|key| format!("key {}: ", escape(key.as_str())));
    let operations: Vec<String> = operations
        .iter()
        .filter_map(|&index| Some((index, history.operations().get(index)?)))
        .map(|(index, operation)| item(index, operation))
        .collect();
    let _infallible = write!(
        text,
        "<article class=\"finding {class}\"><h3>{}{}</h3><p class=\"sentence\">{}</p>{proof}{}<ol>{}</ol></article>",
        key.unwrap_or_default(),
        report.verdict.summary(),
        escape(sentence),
        degree.unwrap_or_default(),
        operations.concat(),
    );
}

fn item(index: usize, operation: &Operation) -> String {
    let words = escape(&operation.to_string());
    format!("<li><button type=\"button\" data-operation=\"{index}\">{words}</button></li>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        assert_eq!(
            [1, 123, 1234, 1_234_567].map(grouped),
            ["1", "123", "1\u{202f}234", "1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escape("</p><img src=x onerror='a&b'>\""),
            "&lt;/p&gt;&lt;img src=x onerror=&#39;a&amp;b&#39;&gt;&quot;"
        );
    }
}
