//! What a peer that is refused again and again leaves in the log: one line, without control
//! characters.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::{Certs, HandMade, Node, closed, eventually, socket};
use raft::NodeId;
use rcgen::SanType;
use tracing_subscriber::fmt::MakeWriter;
use transport_quic::pki::node_params;
use transport_quic::{Refusal, Validity};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

#[tokio::test]
async fn a_peer_that_insists_is_logged_once_and_escaped() {
    let lines = Lines::default();
    // JSON would hide what the text is; the plain format shows it, colours off.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let certs = Certs::new();
    let node = Node::start(certs.config(1, socket(), &[])).await;
    let mut params = node_params(&certs.pki.cluster, NodeId(2), &[], Validity::default()).unwrap();
    let uri = "spiffe://test/peer/2\u{1b}[31m\nWARN forged".try_into().unwrap();
    params.subject_alt_names[0] = SanType::URI(uri);
    let credentials = certs.pki.peer_ca.sign(&params).unwrap().credentials().unwrap();
    let peer = HandMade::new(2, &credentials, &certs.trust());
    for _ in 0..3 {
        closed(&peer.dial(&node).await).await;
    }
    eventually("three refusals", || node.stats().refused(Refusal::BadIdentity) == 3).await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let refused: Vec<&str> = text.lines().filter(|line| line.contains("refused")).collect();
    assert_eq!(refused.len(), 1, "{text}");
    assert!(refused[0].contains(r"peer/2\u{1b}[31m\nWARN forged"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert_eq!(text.lines().filter(|line| line.starts_with("WARN forged")).count(), 0);
}
