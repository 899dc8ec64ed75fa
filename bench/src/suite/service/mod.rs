//! Group 4: the service as deployed. Three processes, mutual TLS, every acknowledged write synced on the disk of the
//! run; the load is a fourth process on the same machine. Beside it, under the same load in the same rounds, whatever
//! it is compared with.
//!
//! Every subject gets a fresh cluster for every sample, and no other one runs meanwhile.
//!
//! | file | what |
//! |---|---|
//! | [`mod@settings`] | what is done at which level |
//! | [`sample`] | one load on one cluster, and what it cost |
//! | [`rows`] | samples of all rounds, as rows |

pub mod rows;
pub mod sample;
pub mod settings;

use anyhow::Result;

use super::context::Context;
use super::results::Row;
use super::subject::{Ours, Subject};
use rows::Rows;
use settings::{Setting, settings};

/// The group's name in the results.
pub const GROUP: &str = "service";

/// Measures our service alone.
pub async fn run(context: &Context) -> Result<Vec<Row>> {
    let ours = Ours::new(context);
    Ok(measure(context, &[&ours], &settings(context.level)).await)
}

/// Measures these services, which take turns; the first is ours. Curves that compare nothing are measured of the first
/// alone. What fails is said in the notes of its row.
pub async fn measure(context: &Context, subjects: &[&dyn Subject], settings: &[Setting]) -> Vec<Row> {
    let mut all = Vec::new();
    for setting in settings {
        let compared = if setting.compared { subjects.len() } else { 1 };
        let subjects = &subjects[..compared.min(subjects.len())];
        let mut rows: Vec<Rows> =
            subjects.iter().map(|subject| Rows::new(&subject.describe(), setting)).collect();
        for round in 1..=setting.rounds {
            for (subject, rows) in subjects.iter().zip(&mut rows) {
                one_round(context, *subject, setting, round, rows).await;
            }
        }
        // Rows of the same kind stand together, whoever they are of.
        let mut rows: Vec<_> = rows.into_iter().map(|rows| rows.finish().into_iter()).collect();
        for _ in &setting.loads {
            all.extend(rows.iter_mut().filter_map(Iterator::next));
        }
    }
    all
}

/// A fresh cluster, and all loads of a setting one after the other.
async fn one_round(context: &Context, subject: &dyn Subject, setting: &Setting, round: u32, rows: &mut Rows) {
    let name = subject.describe().name;
    let dir = context.dir.join("service");
    let running = match subject.start(&dir, setting.nodes).await {
        Ok(running) => running,
        Err(error) => {
            context.say(&format!("{GROUP}: {name} with {} nodes does not start: {error:#}", setting.nodes));
            return rows.failed_to_start(round, &error);
        }
    };
    for (number, load) in setting.loads.iter().enumerate() {
        match sample::take(&running, &load.args).await {
            Ok(sample) => {
                context.say(&format!(
                    "{GROUP}: {name}, {}: {:.0} /s",
                    load.in_words(),
                    sample.measured.rate()
                ));
                rows.add(number, &sample);
            }
            Err(error) => {
                context.say(&format!("{GROUP}: {name}, {}: {error:#}", load.in_words()));
                rows.failed(number, round, &error);
            }
        }
    }
    drop(running);
    // What is left would only fill the disk; the next start replaces it anyway.
    let _ = std::fs::remove_dir_all(&dir);
}
