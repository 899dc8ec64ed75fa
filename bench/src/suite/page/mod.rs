//! A run of the suite as one page for the browser: aims, plots, every figure with its conditions. Nothing is loaded.

mod plot;
mod plots;

use std::fmt::Write as _;

use history_checker::page::{CONTENT_POLICY, escape};

use super::aims::{self, Line, Verdict, number};
use super::figure::Figure;
use super::results::{Results, Row};
use super::table::{DRIFT, STOLEN};
use crate::page::STYLE;
use plots::Colours;

const MORE_STYLE: &str = include_str!("suite.css");

/// The whole page.
#[must_use]
pub fn html(results: &Results) -> String {
    let lines = aims::judge(results);
    let groups = groups(results);
    let colours = Colours::of(&results.rows);
    let body = [
        format!(
            "<header><h1>Measured at {}</h1>{}{}</header><main>",
            escape(&results.commit),
            summary(&lines),
            drift(results)
        ),
        format!("<section><h2>Conditions</h2>{}</section>", conditions(results)),
        format!("<section><h2>Aims</h2>{}</section>", aims_table(&lines)),
        groups.iter().map(|(name, rows)| group(name, rows, &colours)).collect::<String>(),
        list("Failed", &results.failed),
        list("Left out", &results.left_out),
        "</main>".to_owned(),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>bench {}</title>\n<style>\n{STYLE}{MORE_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n",
        escape(&results.commit)
    )
}

/// In the order in which they were measured.
fn groups(results: &Results) -> Vec<(&str, Vec<&Row>)> {
    let mut groups: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &results.rows {
        match groups.iter_mut().find(|(name, _)| *name == row.group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((&row.group, vec![row])),
        }
    }
    groups
}

fn summary(lines: &[Line]) -> String {
    let of = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    let (missed, open) = (of(Verdict::NotReached), of(Verdict::NotMeasured));
    let class = match (missed, open) {
        (0, 0) => "good",
        (0, _) => "doubt",
        _ => "bad",
    };
    format!(
        "<p class=\"verdict {class}\"><strong>{} of {} aims reached</strong> <span>{missed} not reached, {open} not measured</span></p>",
        of(Verdict::Reached),
        lines.len(),
    )
}

fn drift(results: &Results) -> String {
    let beyond = results.drift.beyond(DRIFT);
    let told = beyond.iter().map(|(name, change)| {
        let percent = change * 100.0;
        format!("<p class=\"verdict doubt\"><strong>The machine drifted</strong> {}: {percent:+.0} % during the run</p>", escape(name))
    });
    let taken = results.stolen.filter(|percent| *percent > STOLEN).map(|percent| {
        format!("<p class=\"verdict doubt\"><strong>The host took</strong> {percent:.1} % of the processors' time</p>")
    });
    told.chain(taken).collect()
}

fn conditions(results: &Results) -> String {
    let mut rows = vec![
        ("Machine".to_owned(), results.machine.clone()),
        ("Run".to_owned(), format!("{}, {:.0} s", results.level, results.seconds)),
    ];
    for (name, (before, after)) in &results.drift.limits {
        rows.push((name.clone(), format!("{} before, {} after", number(*before), number(*after))));
    }
    if let Some(percent) = results.stolen {
        rows.push(("Processors' time taken by the host".to_owned(), format!("{percent:.1} %")));
    }
    let row = |(name, text): &(String, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(text))
    };
    format!("<dl>{}</dl>", rows.iter().map(row).collect::<String>())
}

fn aims_table(lines: &[Line]) -> String {
    let mut table = "<div class=\"wide\"><table><thead><tr><th class=\"text\">row</th><th class=\"text\">aim</th>\
        <th>figure</th><th class=\"text\">to the best peer</th><th class=\"text\">to the bare pipeline</th><th class=\"text\"></th></tr></thead><tbody>"
        .to_owned();
    for line in lines {
        let (class, verdict) = match line.verdict {
            Verdict::Reached => ("good", "reached"),
            Verdict::NotReached => ("bad", "not reached"),
            Verdict::NotMeasured => ("doubt", "not measured"),
        };
        let cells =
            [&line.row, &line.aim].map(|text| format!("<td class=\"text\">{}</td>", escape(text))).concat();
        let ratios = [&line.to_peer, &line.to_limit]
            .map(|text| format!("<td class=\"text\">{}</td>", escape(text)))
            .concat();
        let _infallible = write!(
            table,
            "<tr>{cells}<td>{}</td>{ratios}<td class=\"text {class}\">{verdict}</td></tr>",
            escape(&line.figure)
        );
    }
    table + "</tbody></table></div>"
}

fn group(name: &str, rows: &[&Row], colours: &Colours) -> String {
    let plots: String = plots::of_group(rows, colours).iter().filter_map(plot::Plot::svg).collect();
    let mut section = format!("<section><h2>{}</h2><div class=\"plots\">{plots}</div>", escape(name));
    section += "<details><summary>All figures</summary><div class=\"wide\"><table><thead><tr><th class=\"text\">what</th>\
        <th class=\"text\">subject</th><th class=\"text\">at</th><th class=\"text\">figures: median (least to most)</th>\
        <th class=\"text\">conditions</th></tr></thead><tbody>";
    for row in rows {
        let at: Vec<_> = row.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let told: Vec<_> = row.figures.iter().filter_map(|(name, figure)| told(name, figure)).collect();
        let conditions = [&row.durability, &row.tls, &row.client].map(String::as_str).into_iter();
        let conditions: Vec<_> =
            conditions.chain(row.notes.iter().map(String::as_str)).filter(|text| !text.is_empty()).collect();
        let cells =
            [row.what.clone(), row.subject.clone(), at.join(", "), told.join("; "), conditions.join("; ")];
        let cells = cells.map(|text| format!("<td class=\"text\">{}</td>", escape(&text))).concat();
        let _infallible = write!(section, "<tr>{cells}</tr>");
    }
    section + "</tbody></table></div></details></section>"
}

fn told(name: &str, figure: &Figure) -> Option<String> {
    let spread = figure.spread()?;
    let median = number(spread.median);
    let unit = &figure.unit;
    Some(if figure.samples.len() == 1 {
        format!("{name} {median} {unit}")
    } else {
        format!("{name} {median} ({} to {}) {unit}", number(spread.least), number(spread.most))
    })
}

fn list(title: &str, all: &[String]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let items = all.iter().map(|what| format!("<li>{}</li>", escape(what)));
    format!("<section><h2>{title}</h2><ul>{}</ul></section>", items.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::figure::Better;
    use super::super::results::{Drift, figures};
    use super::*;

    #[test]
    fn the_page_tells_all_and_lets_no_text_out() {
        let evil = "</script><img src=x>";
        let mut row = Row {
            group: "service".into(),
            what: evil.into(),
            subject: evil.into(),
            notes: vec![evil.into()],
            ..Row::default()
        };
        row.sample(figures::RATE, "/s", Better::Higher, 5.0);
        row.sample(figures::RATE, "/s", Better::Higher, 7.0);
        row.curve = vec![(0.5, 1.0), (0.9, 2.0)];
        let limits = [("fdatasync/s".to_owned(), (100.0, 80.0))].into();
        let results = Results {
            rows: vec![row],
            left_out: vec![evil.into()],
            failed: vec![evil.into()],
            commit: evil.into(),
            drift: Drift { limits },
            stolen: Some(7.25),
            ..Results::default()
        };
        let page = html(&results);
        assert!(!page.contains("<img"), "{page}");
        for part in [
            "<svg",
            "rate 6.00 (5.00 to 7.00) /s",
            "The host took</strong> 7.2 %",
            "fdatasync/s: -20 %",
            "0 of ",
            "not measured",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
    }
}
