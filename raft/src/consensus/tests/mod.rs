//! Scenario tests of the core.
