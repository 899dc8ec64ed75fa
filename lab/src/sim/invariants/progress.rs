//! What never goes back within a life; and the term, which never does.

use super::{Broken, Seen};

const RULE: &str = "nothing goes back";

/// What is applied and known to be committed begins again with a life.
pub(super) fn check(node: usize, before: &Seen, now: &Seen) -> Result<(), Broken> {
    if now.term < before.term {
        return Err((RULE, format!("node {node} went from term {} to {}", before.term, now.term)));
    }
    if now.commit < before.commit {
        let text = format!("node {node}'s commit index went from {} to {}", before.commit, now.commit);
        return Err((RULE, text));
    }
    if now.applied < before.applied || now.applied > now.commit {
        let Seen { applied, .. } = *before;
        let text =
            format!("node {node} applied up to {applied}, then {}; committed is {}", now.applied, now.commit);
        return Err((RULE, text));
    }
    Ok(())
}
