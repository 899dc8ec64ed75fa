//! Two nodes that are far from each other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{Certs, Node, assert_pair_works, socket};
use tokio::net::UdpSocket;
use tokio::time::sleep;

/// One way.
const FAR: Duration = Duration::from_millis(60);

/// Carries datagrams between one dialler and `target`, each a while later; where to dial it.
async fn relay(target: SocketAddr) -> SocketAddr {
    let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = near.local_addr().unwrap();
    tokio::spawn(async move {
        let mut dialler = None;
        let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            let (socket, data, to) = tokio::select! {
                Ok((len, from)) = near.recv_from(&mut there) => {
                    dialler = Some(from);
                    (far.clone(), there[..len].to_vec(), target)
                }
                Ok((len, _)) = far.recv_from(&mut back) => {
                    let Some(to) = dialler else { continue };
                    (near.clone(), back[..len].to_vec(), to)
                }
            };
            tokio::spawn(async move {
                sleep(FAR).await;
                let _ = socket.send_to(&data, to).await;
            });
        }
    });
    address
}

/// Each one's Hello reaches the other while its dial is under way: they must not end each other's
/// attempts for ever.
#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_connect() {
    let certs = Certs::new();
    let (one, two) = (socket(), socket());
    let to_one = relay(one.local_addr().unwrap()).await;
    let to_two = relay(two.local_addr().unwrap()).await;
    let (mut first, mut second) = tokio::join!(
        Node::start(certs.config(1, one, &[(2, to_two)])),
        Node::start(certs.config(2, two, &[(1, to_one)])),
    );
    assert_pair_works(&mut first, &mut second).await;
}
