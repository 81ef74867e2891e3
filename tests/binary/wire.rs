//! A client that sees the bytes, for what no HTTP client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);

pub struct Wire(pub TcpStream);

impl Wire {
    pub async fn connect(to: SocketAddr) -> Self {
        Self(TcpStream::connect(to).await.unwrap())
    }

    /// Writes all; the peer may close before, which its answer then tells.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// The status and the text of one answer; `None` if the peer closed without one.
    pub async fn answer(&mut self) -> Option<(u16, String)> {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            match timeout(LONG, self.0.read_u8())
                .await
                .expect("an answer or an end")
            {
                Ok(byte) => answer.push(byte),
                Err(_) if answer.is_empty() => return None,
                Err(error) => panic!("the answer broke off: {error}"),
            }
        }
        let head = String::from_utf8(answer).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Some((status, head + &String::from_utf8(body).unwrap()))
    }

    /// A byte every 40 ms, endlessly, until the peer closes without an answer.
    pub async fn trickle_until_cut(&mut self, bytes: &[u8]) {
        let (mut reader, mut writer) = self.0.split();
        let mut pace = tokio::time::interval(Duration::from_millis(40));
        let trickling = async {
            for byte in bytes.iter().chain(std::iter::repeat(&b'x')) {
                pace.tick().await;
                // A failed write means closed; the read tells.
                let _ = writer.write_u8(*byte).await;
            }
        };
        tokio::select! {
            read = timeout(LONG, reader.read_u8()) => {
                assert!(read.expect("the slow sender is cut").is_err(), "it is answered");
            }
            () = trickling => {}
        }
    }

    /// The peer closes without another byte; a reset counts too.
    pub async fn is_cut(&mut self) {
        let read = timeout(LONG, self.0.read_u8()).await;
        assert!(
            read.expect("the connection is cut").is_err(),
            "more bytes came"
        );
    }
}
