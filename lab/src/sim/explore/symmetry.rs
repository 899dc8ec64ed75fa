//! The ways in which a ring of nodes can be laid upon itself: turned, and read backwards.

/// Node `n` comes to stand where `first + n` stands, or `first - n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Turn {
    size: usize,
    first: usize,
    pub(super) backwards: bool,
}

impl Turn {
    /// All that lay each of these links upon one of them, the one that changes nothing first.
    pub(super) fn all(size: usize, links: &[(usize, usize)]) -> Vec<Turn> {
        let ways = [false, true].into_iter().take(if size > 2 { 2 } else { 1 });
        let turns = ways.flat_map(|backwards| (0..size).map(move |first| Turn { size, first, backwards }));
        let keeps =
            |turn: &Turn| links.iter().all(|(from, to)| links.contains(&(turn.of(*from), turn.of(*to))));
        turns.filter(keeps).collect()
    }

    pub(super) fn is_none(self) -> bool {
        self.first == 0 && !self.backwards
    }

    /// Where a node comes to stand.
    pub(super) fn of(self, node: usize) -> usize {
        let Turn { size, first, .. } = self;
        (if self.backwards { first + size - node } else { first + node }) % size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_nodes_have_as_many_turns_as_orders() {
        let mut orders: Vec<Vec<usize>> =
            Turn::all(3, &[]).into_iter().map(|turn| (0..3).map(|node| turn.of(node)).collect()).collect();
        orders.sort();
        assert_eq!(orders, [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]);
        assert!(Turn::all(3, &[])[0].is_none());
    }

    #[test]
    fn a_cut_leaves_what_lays_it_upon_itself() {
        assert_eq!(Turn::all(3, &[(0, 1), (0, 2)]).len(), 2);
        assert_eq!(Turn::all(3, &[(0, 1)]).len(), 1);
        assert_eq!((Turn::all(1, &[]).len(), Turn::all(2, &[]).len()), (1, 2));
    }
}
