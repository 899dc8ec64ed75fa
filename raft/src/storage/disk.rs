//! The `Disk` trait: operations are submitted, and complete later, so that a simulator can delay,
//! reorder, tear and fail them, and a real one can run them elsewhere.
