//! The accept loop over real sockets, with short real timeouts.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

const HEADER_TIMEOUT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(10);
const LIMITS: ListenLimits = ListenLimits {
    max_connections: 16,
    header_timeout: HEADER_TIMEOUT,
    idle_timeout: LONG,
    close_wait: LONG,
};

/// A client that sees the bytes.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Head and body of one answer with a Content-Length.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        loop {
            let byte = self.0.read_u8().await.expect("the peer sends a whole head");
            answer.push(byte);
            if answer.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8(answer.clone()).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        answer.extend(body);
        String::from_utf8(answer).unwrap()
    }

    /// Everything until the peer closes; fails the test if it does not, or resets.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let read = timeout(LONG, self.0.read_to_end(&mut rest)).await;
        read.expect("the peer closes")
            .expect("the peer closes in order");
        String::from_utf8(rest).unwrap()
    }

    /// Nothing comes and the connection stays open for so long.
    async fn is_quiet_for(&mut self, wait: Duration) -> bool {
        timeout(wait, self.0.read_u8()).await.is_err()
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    closed: CancellationToken,
    /// Lets `GET /wait` answer.
    go: Arc<Notify>,
    task: JoinHandle<()>,
}

async fn server(limits: ListenLimits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let go = Arc::new(Notify::new());
    let waits = Arc::clone(&go);
    let router = Router::new()
        .route("/", get(async || "here"))
        .route("/echo", post(async |body: String| body))
        .route("/early", post(answer_first))
        .route("/wait", get(async move || waits.notified().await));
    let (stop, closed) = (CancellationToken::new(), CancellationToken::new());
    let service = TowerToHyperService::new(router);
    let until = (stop.clone(), closed.clone());
    let task = tokio::spawn(serve(listener, service, limits, until));
    Server {
        address,
        stop,
        closed,
        go,
        task,
    }
}

async fn answer_first(body: Body) {
    tokio::spawn(axum::body::to_bytes(body, usize::MAX));
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_silent_socket_is_cut() {
    let server = server(LIMITS).await;
    let mut wire = Wire::connect(server.address).await;
    let begun = Instant::now();
    assert_eq!(wire.rest().await, "");
    assert!(begun.elapsed() >= HEADER_TIMEOUT / 2 && begun.elapsed() < LONG / 2);
}

/// Sends a byte of a head every 40 ms until the peer closes.
async fn trickle(wire: &mut Wire) -> Duration {
    let begun = Instant::now();
    let (mut reader, mut writer) = wire.0.split();
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    let mut head = "GET / HTTP/1.1\r\n".bytes().chain(std::iter::repeat(b'x'));
    loop {
        tokio::select! {
            biased;
            read = reader.read_u8() => {
                assert!(read.is_err(), "an unfinished head is not answered");
                return begun.elapsed();
            }
            _ = pace.tick() => {
                // A failed write means closed; the read tells.
                let _ = writer.write_u8(head.next().unwrap()).await;
            }
        }
        assert!(begun.elapsed() < LONG / 2, "never cut");
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_first_or_later() {
    let server = server(LIMITS).await;
    let mut wire = Wire::connect(server.address).await;
    assert!(trickle(&mut wire).await >= HEADER_TIMEOUT / 2);

    let mut wire = Wire::connect(server.address).await;
    wire.send(GET).await;
    assert!(wire.answer().await.ends_with("here"));
    assert!(trickle(&mut wire).await >= HEADER_TIMEOUT / 2);
}

#[tokio::test]
async fn a_kept_alive_connection_outlives_the_header_timeout_and_ends_with_the_idle_timeout() {
    let idle_timeout = 5 * HEADER_TIMEOUT;
    let server = server(ListenLimits {
        idle_timeout,
        ..LIMITS
    })
    .await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(GET).await;
    wire.answer().await;
    assert!(wire.is_quiet_for(2 * HEADER_TIMEOUT).await);
    wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    assert!(wire.answer().await.ends_with("abc"));
    let begun = Instant::now();
    assert_eq!(wire.rest().await, "");
    assert!(begun.elapsed() >= idle_timeout / 2 && begun.elapsed() < LONG / 2);
}

#[tokio::test]
async fn a_slow_handler_is_not_the_senders_fault() {
    let server = server(ListenLimits {
        idle_timeout: HEADER_TIMEOUT,
        ..LIMITS
    })
    .await;
    let mut wire = Wire::connect(server.address).await;
    wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(wire.is_quiet_for(3 * HEADER_TIMEOUT).await);
    server.go.notify_one();
    assert!(wire.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn what_is_left_of_a_body_after_an_early_answer_is_no_new_head() {
    let server = server(LIMITS).await;
    let mut wire = Wire::connect(server.address).await;
    wire.send("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
        .await;
    assert!(wire.answer().await.starts_with("HTTP/1.1 200"));
    wire.send("b").await;
    assert!(wire.is_quiet_for(2 * HEADER_TIMEOUT).await);
    wire.send(format!("c{GET}")).await;
    assert!(wire.answer().await.ends_with("here"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server(LIMITS).await;
    let mut wire = Wire::connect(server.address).await;
    let post = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n";
    wire.send(format!("{post}1{post}2{post}3")).await;
    for expected in ["1", "2", "3"] {
        assert!(wire.answer().await.ends_with(expected));
    }
}

#[tokio::test]
async fn connections_over_the_cap_wait_for_a_place() {
    let server = server(ListenLimits {
        max_connections: 1,
        ..LIMITS
    })
    .await;
    let mut first = Wire::connect(server.address).await;
    first.send(GET).await;
    first.answer().await;
    let mut second = Wire::connect(server.address).await;
    second.send(GET).await;
    assert!(second.is_quiet_for(HEADER_TIMEOUT).await);
    drop(first);
    assert!(second.answer().await.ends_with("here"));
}

#[tokio::test]
async fn a_head_over_the_limit_is_answered_431() {
    let server = server(LIMITS).await;
    let mut wire = Wire::connect(server.address).await;
    let head = format!(
        "GET / HTTP/1.1\r\nX-Big: {}\r\n\r\n",
        "x".repeat(MAX_HEADER_BYTES)
    );
    wire.send(head).await;
    assert!(wire.answer().await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn stopping_answers_and_closing_lets_the_request_in_hand_finish() {
    let server = server(ListenLimits {
        header_timeout: LONG,
        ..LIMITS
    })
    .await;
    let mut idle = Wire::connect(server.address).await;
    idle.send(GET).await;
    assert!(!idle.answer().await.contains("connection: close"));
    let mut silent = Wire::connect(server.address).await;
    let mut busy = Wire::connect(server.address).await;
    busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;

    server.stop.cancel();
    let mut late = Wire::connect(server.address).await;
    late.send(GET).await;
    assert!(late.rest().await.contains("connection: close"));

    server.closed.cancel();
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    assert!(!server.task.is_finished());
    server.go.notify_one();
    assert!(busy.rest().await.starts_with("HTTP/1.1 200"));
    timeout(LONG, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn closing_does_not_wait_for_ever() {
    let server = server(ListenLimits {
        close_wait: HEADER_TIMEOUT,
        ..LIMITS
    })
    .await;
    let mut first = Wire::connect(server.address).await;
    first.send(GET).await;
    first.answer().await;
    first.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.closed.cancel();
    timeout(LONG / 2, server.task).await.unwrap().unwrap();
    assert_eq!(first.rest().await, "");
}
