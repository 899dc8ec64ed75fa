//! A linearizable replicated register: state machine, client, secure service.
