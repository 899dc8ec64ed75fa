//! Throughput over time, with the faults drawn in: an SVG without a script.

use std::fmt::Write as _;

use history_checker::page::escape;
use history_checker::{Action, History, Outcome};

use crate::report::FaultRow;

/// Answers in each tenth of a second.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    all: Vec<u32>,
    writes: Vec<u32>,
    faults: &'a [FaultRow],
    seconds: f64,
}

const SLICE: u64 = 100_000_000;
const SLICES_PER_SECOND: u32 = 10;

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = HEIGHT - 26.0;

impl<'a> Chart<'a> {
    /// Of what was answered in the first `seconds` of the history's clock.
    pub(super) fn new(history: &History, faults: &'a [FaultRow], seconds: f64) -> Chart<'a> {
        let (mut all, mut writes) = (Vec::new(), Vec::new());
        for operation in history.operations() {
            let Outcome::Ok { returned, .. } = &operation.outcome else { continue };
            let Ok(slice) = usize::try_from(returned.time / SLICE) else { continue };
            count(&mut all, slice, seconds);
            if operation.action != Action::Read {
                count(&mut writes, slice, seconds);
            }
        }
        Chart { all, writes, faults, seconds }
    }

    pub(super) fn svg(&self) -> String {
        let most = f64::from(self.all.iter().copied().max().unwrap_or(0) * SLICES_PER_SECOND).max(1.0);
        let scale = Scale { seconds: self.seconds.max(0.1), step: step(most / 4.0), most };
        let mut svg = format!(
            "<div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"answers per second over time, with faults; the longest gaps are in the table of faults\">"
        );
        self.write_faults(&mut svg, &scale);
        scale.write_axes(&mut svg);
        write_area(&mut svg, "all", &self.all, &scale);
        write_area(&mut svg, "writes", &self.writes, &scale);
        svg + "</svg></div><p class=\"soft\"><i class=\"all\"></i>answered operations per second, in tenths of a second; \
            <i class=\"writes\"></i>writes, compare-and-sets and deletes among them; <i class=\"fault\"></i>faults</p>"
    }

    fn write_faults(&self, svg: &mut String, scale: &Scale) {
        for FaultRow { at_s, for_s, what, .. } in self.faults {
            let (left, right) = (scale.x(*at_s), scale.x(at_s + for_s));
            let _infallible = write!(
                svg,
                "<rect class=\"fault\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <text class=\"fault\" x=\"{left:.1}\" y=\"{:.1}\">{}</text>",
                (right - left).max(1.0),
                BOTTOM - TOP,
                TOP - 8.0,
                escape(what),
            );
        }
    }
}

fn count(slices: &mut Vec<u32>, slice: usize, seconds: f64) {
    // What is answered while the last clients end is no throughput of the run.
    let end = std::time::Duration::from_secs_f64(seconds.max(0.0)).as_nanos() / u128::from(SLICE);
    if slice as u128 >= end {
        return;
    }
    if slices.len() <= slice {
        slices.resize(slice + 1, 0);
    }
    slices[slice] += 1;
}

/// From seconds and answers per second to the drawing.
struct Scale {
    seconds: f64,
    most: f64,
    /// Between two marks of the upward axis.
    step: f64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.seconds).clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn y(&self, per_second: f64) -> f64 {
        BOTTOM - per_second / self.most * (BOTTOM - TOP)
    }

    fn write_axes(&self, svg: &mut String) {
        let mut mark = 0.0;
        while mark <= self.most {
            let y = self.y(mark);
            let _infallible = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{mark:.0}/s</text>",
                LEFT - 6.0,
                y + 4.0,
            );
            mark += self.step;
        }
        let (mut mark, step) = (0.0, step(self.seconds / 12.0));
        while mark <= self.seconds {
            let _infallible = write!(
                svg,
                "<text class=\"middle\" x=\"{:.1}\" y=\"{}\">{mark} s</text>",
                self.x(mark),
                HEIGHT - 7.0
            );
            mark += step;
        }
    }
}

/// 1, 2 or 5 times a power of ten, and no less than 1.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least)
        .unwrap_or(power)
}

fn write_area(svg: &mut String, class: &str, slices: &[u32], scale: &Scale) {
    let mut path = format!("M{LEFT} {BOTTOM}");
    for (index, answers) in (0_u32..).zip(slices) {
        let from = f64::from(index) / f64::from(SLICES_PER_SECOND);
        let (y, to) =
            (scale.y(f64::from(answers * SLICES_PER_SECOND)), from + 1.0 / f64::from(SLICES_PER_SECOND));
        let _infallible = write!(path, "L{:.1} {y:.1}H{:.1}", scale.x(from), scale.x(to));
    }
    let _infallible = write!(svg, "<path class=\"{class}\" d=\"{path}V{BOTTOM}Z\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use history_checker::{Recorder, Value};

    #[test]
    fn answers_are_counted_where_they_arrive() {
        let recorder = Recorder::in_memory();
        let client = recorder.process().write(None, Value::from(1_i64), 0).ok(50_000_000);
        let client = client.read(None, 60_000_000).ok(Value::from(1_i64), 250_000_000);
        let client = client.write(None, Value::from(2_i64), 260_000_000).not_applied(270_000_000);
        drop(client.read(None, 900_000_000).ok(Value::from(1_i64), 1_050_000_000));
        let chart = Chart::new(&recorder.history(), &[], 1.0);
        assert_eq!(chart.all, [1, 0, 1]);
        assert_eq!(chart.writes, [1]);
        assert!(chart.svg().contains("M56 234L56.0 30.0H169.2"), "{}", chart.svg());
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.3, 2.5, 33.0, 70.0, 101.0].map(step), [1.0, 5.0, 50.0, 100.0, 200.0]);
    }
}
