//! The load: kept-alive connections that write ready-made requests and read the answers' ends.
//!
//! It shares the machine with what it measures, so it does as little as possible: no HTTP library,
//! no allocation per request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::webhook::Batch;

/// Far more than any answer of either server.
const ANSWER_BYTES: usize = 4096;

/// How to drive a server.
#[derive(Debug, Clone, Copy)]
pub struct Drive {
    pub address: SocketAddr,
    pub connections: usize,
    /// It ends then, or when the batch has been sent.
    pub during: Duration,
    /// Begin the batch again at its end; only for servers that do not mind.
    pub again: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Driven {
    /// Requests answered 202; any other answer is an error.
    pub accepted: usize,
    pub took: Duration,
    pub ack_ms: Vec<f64>,
}

impl Driven {
    pub fn per_second(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }
}

/// Connection `n` of `connections` sends requests n, n + connections, …, each after the answer to
/// the one before: what one connection sends is recorded in order.
pub async fn drive(batch: &Arc<Batch>, drive: Drive) -> anyhow::Result<Driven> {
    let mut wires = Vec::new();
    for _ in 0..drive.connections {
        wires.push(Wire::connect(drive.address).await?);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (first, wire) in wires.into_iter().enumerate() {
        tasks.spawn(send_every(wire, first, Arc::clone(batch), drive, started));
    }
    let mut driven = Driven::default();
    while let Some(sent) = tasks.join_next().await {
        let (waits, ended) = sent??;
        driven.accepted += waits.len();
        driven.took = driven.took.max(ended);
        driven.ack_ms.extend(waits);
    }
    Ok(driven)
}

async fn send_every(
    mut wire: Wire,
    first: usize,
    batch: Arc<Batch>,
    drive: Drive,
    started: Instant,
) -> anyhow::Result<(Vec<f64>, Duration)> {
    let mut waits = Vec::with_capacity(batch.len() / drive.connections + 1);
    let mut number = first;
    let mut now = started.elapsed();
    while now < drive.during {
        if number >= batch.len() {
            if !drive.again || batch.len() == 0 {
                break;
            }
            number = first % batch.len();
        }
        let status = wire.ask(batch.request(number)).await?;
        if status != 202 {
            bail!("request {number} was answered {status}, not 202");
        }
        let then = now;
        now = started.elapsed();
        waits.push((now - then).as_secs_f64() * 1000.0);
        number += drive.connections;
    }
    Ok((waits, now))
}

/// One kept-alive connection.
pub struct Wire {
    stream: TcpStream,
    answer: Box<[u8; ANSWER_BYTES]>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Box::new([0; ANSWER_BYTES]),
        })
    }

    /// Sends a request, reads its answer to the end, returns the status.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await?;
            if read == 0 {
                bail!("the server closed the connection in the middle of an answer");
            }
            filled += read;
            if let Some((status, length)) = parse_answer(&self.answer[..filled])? {
                if filled == length {
                    return Ok(status);
                }
                if filled > length {
                    bail!("an answer was longer than it said");
                }
            }
        }
    }
}

/// Status and whole length, once the head is complete.
fn parse_answer(answer: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    let status = text.get(9..12).context("an answer without a status")?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let body = length.transpose()?.unwrap_or(0);
    Ok(Some((status.parse()?, head + 4 + body)))
}
