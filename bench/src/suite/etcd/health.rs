//! Asks a member whether it takes requests: its `/health`, in plain HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The error says why not.
pub(super) async fn check(member: SocketAddr) -> Result<()> {
    let answer = timeout(PATIENCE, ask(member)).await;
    let answer = answer.with_context(|| format!("{member} says nothing for {PATIENCE:?}"))??;
    if answer.contains("\"health\":\"true\"") {
        return Ok(());
    }
    bail!("{member} says: {}", answer.lines().last().unwrap_or_default())
}

async fn ask(member: SocketAddr) -> Result<String> {
    let stream = TcpStream::connect(member).await;
    let mut stream = stream.with_context(|| format!("connecting with {member}"))?;
    let request = format!("GET /health HTTP/1.0\r\nHost: {member}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.with_context(|| format!("asking {member}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.with_context(|| format!("reading what {member} says"))?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// One connection with someone who says this.
    async fn saying(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        addr
    }

    #[tokio::test]
    async fn a_member_without_a_leader_takes_no_requests() {
        let well = saying("HTTP/1.0 200 OK\r\n\r\n{\"health\":\"true\",\"reason\":\"\"}").await;
        check(well).await.unwrap();
        let ill = saying("HTTP/1.0 503 Service Unavailable\r\n\r\n{\"health\":\"false\"}").await;
        let why = check(ill).await.unwrap_err().to_string();
        assert!(why.contains("false"), "{why}");
        assert!(check(well).await.is_err(), "nobody is there");
    }
}
