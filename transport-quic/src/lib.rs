//! Raft RPCs over QUIC with mutual TLS 1.3.
