//! Raft consensus as a pure state machine, its log storage and an async driver.
