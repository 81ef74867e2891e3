//! Taking connections: a bounded number, one task each, cut off without ceremony on a stop.
//!
//! HTTP/1.1 only. An exchange that ends in an error closes its connection: that is how faults
//! drop an answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Shared;
use super::exchange::answer_request;

/// Also how long a kept-alive connection may idle: longer than clients keep theirs, so that
/// it is never the sandbox that closes first.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// Request line and headers; a longer head is answered 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Running out of descriptors passes; a busy loop does not help it.
const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// Runs until the sandbox stops.
pub(super) async fn accept_connections(listener: TcpListener, shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(shared.options.max_connections.max(1)));
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = serve_connection(stream, Arc::clone(&shared));
                    shared.tasks.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE_AFTER_ACCEPT_ERROR).await,
            }
        }
    };
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = accepting => {}
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    // Small answers must not wait for each other; where it cannot be set, they do.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer_request(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(MAX_HEAD_BYTES)
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = shared.stop.cancelled() => {}
        // Errors are the faults that were asked for, or clients that went away.
        _ = connection => {}
    }
}
