//! The run as a page for the browser: what was measured, the faults drawn into it, every operation, the verdict.

mod chart;

use std::fmt::Write as _;

use history_checker::History;
use history_checker::page::{CONTENT_POLICY, escape, fragment};

use crate::report::{FaultRow, Load, OperationRow, Report};
use chart::Chart;

/// What every page of this crate looks like.
pub(crate) const STYLE: &str = include_str!("page.css");

/// One self-contained page: `report`, with the timeline of `history` and of what the checker `found` in it.
#[must_use]
pub fn html(report: &Report, history: &History, found: &history_checker::Report) -> String {
    let Load { nodes, seconds, seed, .. } = &report.load;
    let title = format!("Replicated register, {nodes} nodes: {seconds:.1} s of load under faults");
    let chart = Chart::new(history, &report.faults, *seconds);
    let parts = [
        format!("<header><h1>{}</h1>{}</header>", escape(&title), verdict(report)),
        format!("<main><section><h2>Conditions</h2>{}</section>", conditions(report)),
        format!("<section><h2>Throughput</h2>{}</section>", chart.svg()),
        format!("<section><h2>Latency and outcomes</h2>{}</section>", operations(&report.operations)),
        format!("<section><h2>Faults</h2>{}</section></main>", faults(report)),
        fragment(history, found, "Every operation"),
        format!(
            "<details><summary>All figures as text</summary><pre>{}</pre></details>",
            escape(&report.page())
        ),
    ];
    let body = parts.concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} (seed {seed})</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n",
        escape(&title)
    )
}

fn verdict(report: &Report) -> String {
    let class = match report.verdict.as_str() {
        "linearizable" => "good",
        "unknown" => "doubt",
        _ => "bad",
    };
    let gist = report.checker.gist.lines().next().unwrap_or_default();
    format!(
        "<p class=\"verdict {class}\"><strong>{}</strong> <span>{}</span></p><p class=\"soft\">Read back after the last fault: {}.</p>",
        escape(&report.verdict),
        escape(gist),
        escape(&report.read_back),
    )
}

fn conditions(report: &Report) -> String {
    let Load { clients, keys, value_bytes, aimed_rate, seed, .. } = &report.load;
    let conditions = &report.conditions;
    let load = format!(
        "{clients} clients on {keys} keys, values of {value_bytes} B, aiming at {aimed_rate} operations/s in all, seed {seed}"
    );
    let rows = [
        ("Load", load.as_str()),
        ("Durability", conditions.durability),
        ("Network", &format!("{}; {}", conditions.tls, conditions.client)),
        ("Machine", &conditions.machine),
        ("Commit", &conditions.commit),
        ("History", &report.history),
    ];
    let rows = rows.map(|(name, text)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(text)));
    format!("<dl>{}</dl>", rows.concat())
}

fn operations(rows: &[OperationRow]) -> String {
    let mut table = "<div class=\"wide\"><table><thead><tr><th class=\"text\">operation</th><th>ok</th><th>not swapped</th>\
        <th>not applied</th><th>unknown</th><th>p50</th><th>p90</th><th>p99</th><th>longest</th></tr></thead><tbody>"
        .to_owned();
    let longest = rows.iter().filter_map(|row| row.max_ms).fold(1.0, f64::max);
    for row in rows {
        let OperationRow {
            kind, ok, not_swapped, not_applied, unknown, p50_ms, p90_ms, p99_ms, max_ms, ..
        } = row;
        let _infallible = write!(
            table,
            "<tr><th>{kind}</th><td>{ok}</td><td>{not_swapped}</td><td>{not_applied}</td><td>{unknown}</td>"
        );
        for latency in [p50_ms, p90_ms, p99_ms, max_ms] {
            table += &latency_cell(*latency, longest);
        }
        table += "</tr>";
    }
    table
        + "</tbody></table></div><p class=\"soft\">Latency of answered operations, from sending to answer in a closed \
        loop; the bars are on a logarithmic scale from 0.1 ms.</p>"
}

/// The figure, and a bar behind it.
fn latency_cell(latency: Option<f64>, longest: f64) -> String {
    const FROM_MS: f64 = 0.1;
    let Some(ms) = latency else { return "<td>–</td>".to_owned() };
    let share = ((ms / FROM_MS).ln() / (longest / FROM_MS).ln()).clamp(0.0, 1.0) * 100.0;
    format!("<td class=\"bar\" style=\"--share: {share:.1}%\">{ms:.2} ms</td>")
}

fn faults(report: &Report) -> String {
    let mut table =
        "<div class=\"wide\"><table><thead><tr><th>at</th><th>for</th><th>without an acknowledged write</th>\
        <th class=\"text\">fault</th><th class=\"text\">evidence</th></tr></thead><tbody>"
            .to_owned();
    for FaultRow { at_s, for_s, what, evidence, unavailable_ms } in &report.faults {
        let (what, evidence) = (escape(what), escape(&evidence.join(", ")));
        let _infallible = write!(
            table,
            "<tr><td>{at_s:.1} s</td><td>{for_s:.1} s</td><td>{unavailable_ms:.0} ms</td><td class=\"text\">{what}</td><td class=\"text\">{evidence}</td></tr>"
        );
    }
    let _infallible = write!(
        table,
        "<tr><td></td><td></td><td>{:.0} ms</td><td class=\"text\" colspan=\"2\">outside of faults</td></tr></tbody></table></div>",
        report.calm_gap_ms
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use history_checker::{FaultEdge, Key, ModelKind, Options, Recorder, check};

    #[test]
    fn the_page_has_every_part_and_lets_no_text_out() {
        let evil = "</script><img src=x>";
        let recorder = Recorder::in_memory();
        drop(recorder.process().write(Some(Key::from(evil)), evil.into(), 5_000_000).ok(7_000_000));
        recorder.fault(evil, FaultEdge::Begin, 8_000_000);
        let history = recorder.history();
        let found = check(&history, ModelKind::Map, &Options::default()).unwrap();
        let mut report = sample();
        report.faults[0].what = evil.to_owned();
        report.history = evil.to_owned();
        let page = html(&report, &history, &found);
        assert!(!page.contains("<img"), "{page}");
        for part in
            ["<svg", "p99", "caught up in 80 ms", "history-timeline", "linearizable", "outside of faults"]
        {
            assert!(page.contains(part), "{part} is missing");
        }
    }
}
