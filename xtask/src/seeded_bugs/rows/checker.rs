//! history-checker: its prunings, its zones, its stream.

use super::super::bug::Bug;
use super::super::bug::Source::{Rule, Unknown};

pub(super) const ROWS: &[Bug] = &[
    Bug::new(
        "dominance-by-number",
        Unknown,
        "having used fewer open operations counts as better, whichever they are",
    )
    .tested("history-checker", "it_matters_which_open_operation_was_used_and_not_how_many"),
    Bug::new(
        "eager-write-of-the-current-value",
        Unknown,
        "a write of the value that is there is taken at once, and missing later",
    )
    .tested("history-checker", "every_pruning_agrees_with_every_order_tried"),
    Bug::new(
        "lazy-cuts-chains",
        Unknown,
        "an open write counts as useless where an open cas needs it for another's sake",
    )
    .tested("history-checker", "every_pruning_agrees_with_every_order_tried"),
    Bug::new(
        "lazy-ignores-differences",
        Unknown,
        "an open write counts as useless where only a failed cas shows it",
    )
    .tested("history-checker", "every_pruning_agrees_with_every_order_tried"),
    Bug::new(
        "search-precedence-not-strict",
        Rule("Herlihy and Wing 1990: precedence"),
        "a return at the moment of an invocation counts as before it, in the search",
    )
    .tested("history-checker", "every_pruning_agrees_with_every_order_tried"),
    Bug::new(
        "stranding-ignores-open",
        Unknown,
        "a state counts as lost although an open write can bring it back",
    )
    .tested("history-checker", "every_pruning_agrees_with_every_order_tried"),
    Bug::new(
        "stream-settles-too-early",
        Unknown,
        "a value is forgotten while a read is in flight that may have seen it",
    )
    .tested("history-checker", "what_it_decides_is_what_every_order_tried_decides"),
    Bug::new(
        "symmetry-latest-first",
        Unknown,
        "of equal open operations the one that was invoked last is used first",
    )
    .tested("history-checker", "every_pruning_agrees_with_every_order_tried"),
    Bug::new(
        "zones-chain-torn",
        Unknown,
        "something that was invoked later comes between two links of a chain of cas",
    )
    .tested("history-checker", "zones_agree_with_every_order_tried"),
    Bug::new(
        "zones-observed-open-write-dropped",
        Unknown,
        "an open write is left out although its value was observed",
    )
    .tested("history-checker", "zones_agree_with_every_order_tried"),
    Bug::new(
        "zones-precedence-not-strict",
        Rule("Herlihy and Wing 1990: precedence"),
        "a return at the moment of an invocation counts as before it, in the zones",
    )
    .tested("history-checker", "zones_agree_with_every_order_tried"),
];
