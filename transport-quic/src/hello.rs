//! Hello, the first frame of a connection, and HelloAck, its answer.
