//! What a search may cost, and which of its shortcuts it takes.

/// What a search may cost and how it goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchOptions {
    /// When to give up.
    pub budget: Budget,
    /// Which shortcuts to take; all of them, unless set.
    pub prunings: Prunings,
    /// How many configurations to try for each entry by going deep first, before the search begins anew and goes by
    /// layers: the first is soon done where there is an order, the second where there is none. The second needs the
    /// shortcuts `compact_key` and `dominance`.
    pub patience: u64,
}

impl Default for SearchOptions {
    /// Eight configurations per entry: few good histories need more than one.
    fn default() -> SearchOptions {
        SearchOptions { budget: Budget::default(), prunings: Prunings::ALL, patience: 8 }
    }
}

/// How much a search may cost. Both limits depend on the input alone, so a run that gives up does so everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Configurations to try.
    pub configurations: u64,
    /// Bytes of memory for everything that the search builds: what it knows of the timeline, the way that it went, the
    /// configurations that it remembers, and the states in them as far as [`Model::heap_bytes`](crate::Model::heap_bytes)
    /// tells.
    pub bytes: u64,
}

impl Default for Budget {
    /// Fifty million configurations in 2 GB: about a minute.
    fn default() -> Budget {
        Budget { configurations: 50_000_000, bytes: 2_000_000_000 }
    }
}

/// The shortcuts of the search. None changes a verdict, only what it costs; each can be switched off so that a test can
/// say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prunings {
    /// Name the completed entries that were taken by those in flight at the first return missing, instead of all.
    pub compact_key: bool,
    /// Take an entry that only observes as soon as it fits, for good.
    pub eager_no_ops: bool,
    /// Never leave a state that an entry still needs and nothing can bring back in time.
    pub stranding: bool,
    /// Take an open entry only for one that is illegal without it.
    pub lazy_opens: bool,
    /// Use open entries of equal effect in the order of their invocations.
    pub symmetry: bool,
    /// Of configurations that differ in the open entries used, try only those that used least.
    pub dominance: bool,
}

impl Prunings {
    /// All of them.
    pub const ALL: Prunings = Prunings {
        compact_key: true,
        eager_no_ops: true,
        stranding: true,
        lazy_opens: true,
        symmetry: true,
        dominance: true,
    };

    /// None: the search of Wing and Gong with the memory of Lowe.
    pub const NONE: Prunings = Prunings {
        compact_key: false,
        eager_no_ops: false,
        stranding: false,
        lazy_opens: false,
        symmetry: false,
        dominance: false,
    };

    /// Each of them alone.
    #[must_use]
    pub fn each_alone() -> [Prunings; 6] {
        [
            Prunings { compact_key: true, ..Prunings::NONE },
            Prunings { eager_no_ops: true, ..Prunings::NONE },
            Prunings { stranding: true, ..Prunings::NONE },
            Prunings { lazy_opens: true, ..Prunings::NONE },
            Prunings { symmetry: true, ..Prunings::NONE },
            Prunings { dominance: true, ..Prunings::NONE },
        ]
    }
}

impl Default for Prunings {
    fn default() -> Prunings {
        Prunings::ALL
    }
}
