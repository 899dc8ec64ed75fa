//! The timeline page: a history with its verdict as one HTML file that needs nothing else, neither network nor server.
//!
//! | file | what |
//! |---|---|
//! | `data` | the history as the page's script reads it |
//! | `columns` | numbers, packed |
//! | `lanes` | processes side by side in as few lanes as they need |
//! | `text` | what the page says without its script: verdict, clash, operations |
//! | `timeline.html`, `timeline.css`, `script/` | the page itself |
//!
//! Everything that comes from a history is escaped, as text and as data; a content policy forbids all loading.

mod columns;
mod data;
mod lanes;
mod text;

use crate::history::History;
use crate::report::Report;

use data::Data;
pub use text::escape;

/// What the page may load: nothing. For the `content` of a `<meta http-equiv="Content-Security-Policy">` in a page
/// that embeds a [`fragment`].
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     base-uri 'none'; form-action 'none'";

const PAGE: &str = include_str!("page.html");
const SECTION: &str = include_str!("timeline.html");
const STYLE: &str = include_str!("timeline.css");

/// In the order in which they build on each other.
const SCRIPTS: [&str; 11] = [
    include_str!("script/data.js"),
    include_str!("script/lanes.js"),
    include_str!("script/view.js"),
    include_str!("script/words.js"),
    include_str!("script/paint.js"),
    include_str!("script/bars.js"),
    include_str!("script/overview.js"),
    include_str!("script/controls.js"),
    include_str!("script/pointer.js"),
    include_str!("script/main.js"),
    include_str!("script/selftest.js"),
];

/// The whole page: `history` with what `report` says of it, under `title`. The report must be of this history.
///
/// Opened with `#selftest` the page checks itself, with `#measure` it times its own redraws; both write what they
/// found at the page's end.
#[must_use]
pub fn html(history: &History, report: &Report, title: &str) -> String {
    let section = section(history, report, title, "");
    fill(PAGE, &[("title", &escape(title)), ("policy", CONTENT_POLICY), ("timeline", &section)])
}

/// One `<section>` with its own style and script, to stand in another page. There the wheel scrolls that page until
/// the timeline has the focus.
#[must_use]
pub fn fragment(history: &History, report: &Report, title: &str) -> String {
    section(history, report, title, "data-embedded")
}

fn section(history: &History, report: &Report, title: &str, attributes: &str) -> String {
    let data = Data::new(history, report);
    let script = SCRIPTS.concat();
    fill(
        SECTION,
        &[
            ("attributes", attributes),
            ("style", STYLE),
            ("title", &escape(title)),
            ("summary", &text::summary(report)),
            ("findings", &text::findings(history, report)),
            ("data", &data.to_json()),
            ("script", &script),
        ],
    )
}

/// Puts values in the place of `{{name}}`. What is put in is not looked at again, whatever it contains.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled =
        String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        assert_eq!(fill("<{{a}}|{{b}}>", &[("a", "{{b}}"), ("b", "2")]), "<{{b}}|2>");
    }

    #[test]
    fn every_place_in_the_templates_has_a_value() {
        let names = |template: &str| -> Vec<String> {
            let parts = template.split("{{").skip(1);
            parts.map(|part| part.split("}}").next().unwrap().to_owned()).collect()
        };
        assert_eq!(names(PAGE), ["policy", "title", "timeline"]);
        let known = ["attributes", "style", "title", "summary", "findings", "data", "script"];
        assert!(names(SECTION).iter().all(|name| known.contains(&name.as_str())));
    }

    #[test]
    fn the_page_names_no_place_in_the_network() {
        for text in SCRIPTS.iter().chain([&PAGE, &SECTION, &STYLE]) {
            for banned in ["http:", "https:", "fetch(", "XMLHttpRequest", "import(", "@import", "url("] {
                assert!(!text.contains(banned), "{banned}");
            }
        }
    }
}
