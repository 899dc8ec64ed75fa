//! Which operations belong to which key.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::history::History;
use crate::value::Key;

/// The operations of each key, in the order of their invocations; the keys in theirs, what has none first.
pub(crate) fn by_key(history: &History) -> Vec<(Option<&Key>, Vec<usize>)> {
    let operations = history.operations();
    let Some(first) = operations.first() else { return Vec::new() };
    if operations.iter().all(|operation| operation.key == first.key) {
        return vec![(first.key.as_ref(), (0..operations.len()).collect())];
    }
    let mut groups: Vec<(Option<&Key>, Vec<usize>)> = Vec::new();
    let mut numbers: HashMap<Option<&Key>, usize, FixedState> = HashMap::default();
    for (index, operation) in operations.iter().enumerate() {
        let key = operation.key.as_ref();
        let number = *numbers.entry(key).or_insert(groups.len());
        if number == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[number].1.push(index);
    }
    groups.sort_unstable_by_key(|&(key, _)| key);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Action;

    fn history(keys: &[Option<&str>]) -> History {
        let mut history = History::default();
        for (line, key) in (1..).zip(keys) {
            let invoked = crate::history::Mark { line, time: 0 };
            history.invoke(0, key.map(Key::from), Action::Read, invoked);
        }
        history
    }

    fn groups(keys: &[Option<&str>]) -> Vec<(Option<String>, Vec<usize>)> {
        let name = |key: Option<&Key>| key.map(ToString::to_string);
        by_key(&history(keys)).into_iter().map(|(key, indices)| (name(key), indices)).collect()
    }

    #[test]
    fn keys_come_in_their_order_and_operations_in_theirs() {
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(groups(&[]), []);
        assert_eq!(groups(&[Some("a"), Some("a")]), [(name("a"), vec![0, 1])]);
        assert_eq!(
            groups(&[Some("b"), None, Some("a"), Some("b"), None]),
            [(None, vec![1, 4]), (name("a"), vec![2]), (name("b"), vec![0, 3])]
        );
    }
}
