//! Ctrl-C: what is known is said, what is half written is removed.

use std::process;

use super::out::complain;
use super::{Exit, target};

/// From now on an interrupt calls `say`, which calls [`end`] unless the program is about to end anyway: so it can keep
/// the others from saying anything meanwhile.
pub(super) fn when_interrupted(say: impl FnMut() + Send + 'static) {
    if let Err(error) = ctrlc::set_handler(say) {
        complain(format_args!("warning: an interrupt will lose what is known: {error}"));
    }
}

/// Ends the program, and leaves nothing half written.
pub(super) fn end(exit: Exit) -> ! {
    target::discard();
    process::exit(i32::from(exit.number()))
}

/// For commands that are done or not.
pub(super) fn nothing_when_interrupted() {
    when_interrupted(|| {
        complain("interrupted: nothing is written to the end");
        end(Exit::BadFile);
    });
}
