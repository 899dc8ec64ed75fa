//! A plot: lines over two axes, linear or logarithmic, with whiskers where there were several rounds and spans where there
//! were faults. SVG without a script.

use std::fmt::Write as _;

use history_checker::page::escape;

use super::super::aims::number;
use super::super::figure::Spread;
use super::super::results::FaultSpan;

/// One drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) spans: Vec<FaultSpan>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) logarithmic: bool,
    /// What stands at the marks instead of the numbers.
    pub(super) marks: Vec<(f64, String)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) name: String,
    /// A number for each subject, the same in all plots of a page.
    pub(super) colour: usize,
    pub(super) points: Vec<(f64, Spread)>,
}

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = HEIGHT - 40.0;
/// Colours of lines that the style has.
const COLOURS: usize = 6;

impl Line {
    /// Without whiskers.
    pub(super) fn plain(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Line {
        let exact = |(x, y)| (x, Spread { least: y, median: y, most: y });
        Line { name: name.to_owned(), colour: 0, points: points.into_iter().map(exact).collect() }
    }
}

impl Plot {
    /// None where there is nothing to draw: on a logarithmic axis what is not positive has no place.
    pub(super) fn svg(&self) -> Option<String> {
        let drawn = |(x, y): &&(f64, Spread)| self.x.has(*x) && self.y.has(y.least) && self.y.has(y.most);
        let points = || self.lines.iter().flat_map(|line| &line.points).filter(drawn);
        let across = Scale::new(&self.x, points().map(|(x, _)| *x), (LEFT, RIGHT))?;
        let up = Scale::new(&self.y, points().flat_map(|(_, y)| [y.least, y.most]), (BOTTOM, TOP))?;
        let mut svg = format!(
            "<figure><svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\"><text class=\"title\" x=\"{LEFT}\" y=\"16\">{0}</text>",
            escape(&self.title)
        );
        self.write_spans(&mut svg, &across);
        write_axes(&mut svg, (&across, &self.x), (&up, &self.y));
        for line in &self.lines {
            let points: Vec<_> = line.points.iter().filter(drawn).collect();
            write_line(&mut svg, line.colour % COLOURS, &points, &across, &up);
        }
        svg += "</svg><figcaption>";
        for line in &self.lines {
            let _infallible =
                write!(svg, "<span class=\"c{}\">{}</span>", line.colour % COLOURS, escape(&line.name));
        }
        Some(svg + "</figcaption></figure>")
    }

    fn write_spans(&self, svg: &mut String, across: &Scale) {
        for FaultSpan { what, from, to } in &self.spans {
            let (left, right) = (across.place(*from), across.place(*to));
            let _infallible = write!(
                svg,
                "<rect class=\"fault\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                (right - left).max(1.0),
                BOTTOM - TOP,
                escape(what),
            );
        }
        // Of many only the first has a name: they would stand on each other.
        if let Some(FaultSpan { what, from, .. }) = self.spans.first() {
            let x = across.place(*from);
            let _infallible =
                write!(svg, "<text class=\"fault\" x=\"{x:.1}\" y=\"{}\">{}</text>", TOP - 6.0, escape(what));
        }
    }
}

impl Axis {
    pub(super) fn linear(name: &str) -> Axis {
        Axis { name: name.to_owned(), ..Axis::default() }
    }

    pub(super) fn logarithmic(name: &str) -> Axis {
        Axis { name: name.to_owned(), logarithmic: true, marks: Vec::new() }
    }

    fn has(&self, value: f64) -> bool {
        value.is_finite() && (!self.logarithmic || value > 0.0)
    }
}

/// From values to places.
struct Scale {
    logarithmic: bool,
    from: f64,
    to: f64,
    places: (f64, f64),
}

impl Scale {
    /// None without values. A linear axis begins at zero.
    fn new(axis: &Axis, values: impl Iterator<Item = f64>, places: (f64, f64)) -> Option<Scale> {
        let (mut from, mut to) =
            values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
        if from > to {
            return None;
        }
        if axis.logarithmic {
            // A decade at least, so that noise does not look like a trend.
            if to / from < 10.0 {
                let middle = (from * to).sqrt();
                (from, to) = (middle / 10_f64.sqrt(), middle * 10_f64.sqrt());
            }
        } else {
            (from, to) = (from.min(0.0), if to > from.min(0.0) { to } else { 1.0 });
        }
        Some(Scale { logarithmic: axis.logarithmic, from, to, places })
    }

    fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        let (first, last) = self.places;
        first + share.clamp(0.0, 1.0) * (last - first)
    }

    /// Powers of ten, and twice and five times as much where these are few; or four steps of 1, 2 or 5.
    fn marks(&self) -> Vec<f64> {
        if self.logarithmic {
            let first = 10_f64.powf(self.from.log10().floor());
            let powers = std::iter::successors(Some(first), |mark| Some(mark * 10.0));
            let factors: &[f64] = if self.to / self.from < 500.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            return powers
                .take_while(|power| *power <= self.to * 1.000_001)
                .flat_map(|power| factors.iter().map(move |factor| factor * power))
                .filter(|mark| (self.from * 0.999_999..=self.to * 1.000_001).contains(mark))
                .collect();
        }
        let least = (self.to - self.from) / 4.0;
        let power = 10_f64.powf(least.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least).unwrap_or(1.0);
        let step = factor * power;
        let first = (self.from / step).ceil();
        (0_u32..)
            .map(|count| (first + f64::from(count)) * step)
            .take_while(|mark| *mark <= self.to * 1.000_001)
            .collect()
    }
}

fn write_axes(svg: &mut String, (across, x): (&Scale, &Axis), (up, y): (&Scale, &Axis)) {
    for mark in up.marks() {
        let place = up.place(mark);
        let _infallible = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {place:.1}H{RIGHT}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT - 6.0,
            place + 4.0,
            short(mark),
        );
    }
    let marks = if x.marks.is_empty() {
        across.marks().into_iter().map(|mark| (mark, short(mark))).collect()
    } else {
        x.marks.clone()
    };
    for (mark, name) in marks {
        let _infallible = write!(
            svg,
            "<text class=\"middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
            across.place(mark),
            BOTTOM + 16.0,
            escape(&name)
        );
    }
    let _infallible = write!(
        svg,
        "<text class=\"end\" x=\"{RIGHT}\" y=\"{}\">{}</text><text x=\"6\" y=\"{}\">{}</text>",
        HEIGHT - 6.0,
        escape(&x.name),
        TOP - 14.0,
        escape(&y.name),
    );
}

/// As [`number`], without decimals that say nothing.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 1.0 {
        return format!("{value}").chars().take(6).collect();
    }
    let text = number(value);
    let (digits, letter) = text.split_once(' ').unwrap_or((&text, ""));
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{letter}")
}

fn write_line(svg: &mut String, colour: usize, points: &[&(f64, Spread)], across: &Scale, up: &Scale) {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let _infallible = write!(path, "{letter}{:.1} {:.1}", across.place(*x), up.place(y.median));
    }
    let _infallible = write!(svg, "<path class=\"line c{colour}\" d=\"{path}\"/>");
    // Of a dense line the points would hide it.
    for (x, y) in points.iter().take_while(|_| points.len() <= 16) {
        let (x, low, high) = (across.place(*x), up.place(y.least), up.place(y.most));
        let _infallible = write!(
            svg,
            "<path class=\"whisker c{colour}\" d=\"M{x:.1} {low:.1}V{high:.1}\"/><circle class=\"c{colour}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3\"/>",
            up.place(y.median)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_their_axis_says() {
        let scale = Scale::new(&Axis::logarithmic("x"), [1.0, 1000.0].into_iter(), (0.0, 300.0)).unwrap();
        assert_eq!([1.0, 10.0, 1000.0].map(|value| scale.place(value).round()), [0.0, 100.0, 300.0]);
        assert_eq!(scale.marks(), [1.0, 10.0, 100.0, 1000.0]);
        let short = Scale::new(&Axis::logarithmic("x"), [3.0, 60.0].into_iter(), (0.0, 300.0)).unwrap();
        assert_eq!(short.marks(), [5.0, 10.0, 20.0, 50.0]);
        let scale = Scale::new(&Axis::linear("y"), [40.0, 100.0].into_iter(), (100.0, 0.0)).unwrap();
        assert_eq!([0.0, 50.0, 100.0].map(|value| scale.place(value)), [100.0, 50.0, 0.0]);
        assert_eq!(scale.marks(), [0.0, 50.0, 100.0]);
    }

    #[test]
    fn nothing_is_drawn_of_nothing_and_of_what_has_no_place() {
        let mut plot = Plot { x: Axis::logarithmic("x"), y: Axis::linear("y"), ..Plot::default() };
        assert_eq!(plot.svg(), None);
        plot.lines = vec![Line::plain("a", [(0.0, 1.0)])];
        assert_eq!(plot.svg(), None);
        plot.lines = vec![Line::plain("a<b", [(0.0, 1.0), (5.0, 7.0)])];
        let svg = plot.svg().unwrap();
        assert!(svg.contains("a&lt;b") && svg.matches("<circle").count() == 1, "{svg}");
    }

    #[test]
    fn marks_are_short() {
        assert_eq!(
            [0.0, 0.1, 1.0, 250.0, 10_000.0, 2_500_000.0].map(short),
            ["0", "0.1", "1", "250", "10k", "2.5M"]
        );
    }
}
