//! Checking by a model of the caller's.

use crate::check::Options;
use crate::check_keys::check_keys;
use crate::engine::search::Searching;
use crate::history::{History, Operation};
use crate::model::Model;
use crate::objects;
use crate::report::Report;
use crate::value::Value;

/// [`check()`](crate::check()) by a model of the caller's: whether one order of its operations explains `history`, key by key.
///
/// `op` says what an operation is to the model, with the answer that it got, or without one where its outcome is
/// unknown; `None` where it says nothing, as a read of unknown outcome does. It is not asked about operations that had
/// no effect. Of the options the model and `op` replace [`Options::initial`] and [`Options::failed_cas`].
///
/// ```
/// use history_checker::{Action, Answer, History, Model, Operation, Options, Outcome, Recorder, Value, check_model};
///
/// /// A register of which a read may miss the last write, but not the one before.
/// struct Lagging;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// enum Op {
///     Write(Value),
///     Read(Value),
/// }
///
/// impl Model for Lagging {
///     type State = [Value; 2];
///     type Op = Op;
///
///     fn initial(&self) -> [Value; 2] {
///         [Value::Null, Value::Null]
///     }
///
///     fn step(&self, [before, last]: &[Value; 2], op: &Op) -> Option<[Value; 2]> {
///         match op {
///             Op::Write(value) => Some([last.clone(), value.clone()]),
///             Op::Read(seen) => (seen == before || seen == last).then(|| [before.clone(), last.clone()]),
///         }
///     }
/// }
///
/// fn op(operation: &Operation) -> Option<Op> {
///     match (&operation.action, &operation.outcome) {
///         (Action::Write(value), _) => Some(Op::Write(value.clone())),
///         (_, Outcome::Ok { answer: Answer::Read(value), .. }) => Some(Op::Read(value.clone())),
///         _ => None,
///     }
/// }
///
/// let recorder = Recorder::in_memory();
/// let client = recorder.process().write(None, Value::from(1), 1).ok(2).write(None, Value::from(2), 3).ok(4);
/// let client = client.read(None, 5).ok(Value::from(1), 6);
/// let report = check_model(&recorder.history(), &Lagging, &Options::default(), op);
/// assert!(report.is_linearizable());
///
/// let _idle = client.read(None, 7).ok(Value::Null, 8);
/// let report = check_model(&recorder.history(), &Lagging, &Options::default(), op);
/// let (_, violation) = report.violations().next().unwrap();
/// assert!(violation.sentence.starts_with("process 0's read that saw null (lines 7–8) fits nowhere"));
/// ```
pub fn check_model<M: Model + Sync>(
    history: &History,
    model: &M,
    options: &Options,
    op: impl Fn(&Operation) -> Option<M::Op> + Sync,
) -> Report {
    let decide = |indices: &[usize], options: &Options, watch: &(dyn Fn(Searching) + Sync)| {
        objects::decide_by(history, indices, model, &op, options, watch)
    };
    let keys = check_keys(history, options, &|_| (), &decide);
    Report { model: None, failed_cas: options.failed_cas, initial: Value::Null, keys }
}
