//! The accept loop under both listeners: HTTP/1.1, bounded in connections, header size and time.
//!
//! hyper's own header timeout also closes idle kept-alive connections, so each connection here
//! keeps a pulse (`pulse`) that one alarm looks at: a head is due `header_timeout` after the accept
//! or after the first byte of a later request, and `idle_timeout` may pass between requests.
//! Routes nothing and answers nothing itself: requests go to the service it is given.

mod pulse;
mod roll;
mod socket;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

pub use self::pulse::Held;
use self::pulse::{Look, Patience, Pulse, Turn};
use self::roll::{Enrolled, Roll, Stage};
use self::socket::Socket;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::telemetry::damper::{Damper, Say};

/// Longer heads are answered 431.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Bytes of a connection that hyper may hold at once.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// Out of file descriptors: some must close before another try can succeed.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
pub struct ListenLimits {
    pub max_connections: usize,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    /// How long requests in hand may take once the listener closes.
    pub close_wait: Duration,
}

impl From<&ServerConfig> for ListenLimits {
    fn from(server: &ServerConfig) -> Self {
        Self {
            max_connections: server.max_connections,
            header_timeout: server.header_timeout,
            idle_timeout: server.idle_timeout,
            close_wait: server.shutdown_grace,
        }
    }
}

/// Who answers. A `Router` is one as `TowerToHyperService`.
pub trait Answer:
    Service<
        Request<Held<Incoming>>,
        Response = Response,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Answer for S where
    S: Service<
            Request<Held<Incoming>>,
            Response = Response,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves until `closed` is cancelled, then lets the requests in hand finish within `close_wait`.
///
/// From `stop` on each answer closes its connection; refusing is the service's business.
pub async fn serve(
    listener: TcpListener,
    service: impl Answer,
    limits: ListenLimits,
    (stop, closed): (CancellationToken, CancellationToken),
) {
    let roll = Arc::new(Roll::default());
    let tasks = TaskTracker::new();
    let stopping = async {
        stop.cancelled().await;
        roll.stopping.store(true, Ordering::Relaxed);
        pending().await
    };
    tokio::select! {
        biased;
        () = closed.cancelled() => {}
        () = stopping => {}
        () = accept(&listener, &service, limits, &roll, &tasks) => {}
    }
    drop(listener);
    roll.advance(Stage::Closing);
    tasks.close();
    if timeout(limits.close_wait, tasks.wait()).await.is_err() {
        warn!(
            connections = tasks.len(),
            "requests did not finish in time; cutting them off"
        );
        roll.advance(Stage::Cut);
        tasks.wait().await;
    }
}

/// Never returns. The permit comes first: a connection over the cap waits in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    service: &impl Answer,
    limits: ListenLimits,
    roll: &Arc<Roll>,
    tasks: &TaskTracker,
) {
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let damper = Damper::default();
    let patience = Patience {
        header: limits.header_timeout,
        idle: limits.idle_timeout,
    };
    for number in 0.. {
        let permit = Arc::clone(&permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let stream = next_stream(listener, &damper).await;
        let pulse = Arc::new(Pulse::new(Instant::now()));
        let enrolled = roll.enrol(number, &pulse);
        let service = service.clone();
        tasks.spawn(async move {
            attend(stream, service, pulse, enrolled, patience).await;
            drop(permit);
        });
    }
}

async fn next_stream(listener: &TcpListener, damper: &Damper) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it small answers wait for the peer's delayed acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "TCP_NODELAY was not accepted");
                }
                return stream;
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if let Say::Aloud { unsaid } = damper.ask("", Clock::System.now()) {
                    warn!(%error, unsaid, "cannot accept connections; trying again");
                }
                tokio::time::sleep(ACCEPT_ERROR_PAUSE).await;
            }
        }
    }
}

/// The connection died between the kernel's queue and us.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// One connection, from accept to close.
async fn attend(
    stream: TcpStream,
    answering: impl Answer,
    pulse: Arc<Pulse>,
    enrolled: Enrolled,
    patience: Patience,
) {
    let roll = &enrolled.roll;
    let service = service_fn(|request: Request<Incoming>| {
        let turn = Turn::begin(&pulse);
        let arriving = Turn::begin(&pulse);
        let answer = answering.call(request.map(|body| Held::new(body, arriving)));
        async move {
            let mut response = answer.await?;
            if roll.stopping.load(Ordering::Relaxed) {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response.map(|body| Held::new(body, turn)))
        }
    });
    let socket = Socket::new(stream, Arc::clone(&pulse));
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(socket), service)
    );
    let mut alarm = pin!(sleep_until(Instant::now() + patience.header));
    let mut closing = false;
    poll_fn(|context| {
        loop {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            pulse.waker.register(context.waker());
            match roll.stage() {
                Stage::Open => {}
                Stage::Closing if pulse.is_silent() => return Poll::Ready(()),
                Stage::Closing if closing => {}
                Stage::Closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                Stage::Cut => return Poll::Ready(()),
            }
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            match pulse.look(Instant::now(), patience) {
                Look::Late => return Poll::Ready(()),
                Look::AgainAt(when) => alarm.as_mut().reset(when),
            }
        }
    })
    .await;
}

#[cfg(test)]
pub(crate) mod tests;
