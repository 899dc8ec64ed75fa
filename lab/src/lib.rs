//! What tries to break it inside one process: link faults, invariants, the lab tests.
