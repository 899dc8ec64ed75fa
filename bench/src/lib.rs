//! Real processes: the demo, load, faults, figures.
