//! Linearizability checking of recorded histories: types, models, engines, CLI.
