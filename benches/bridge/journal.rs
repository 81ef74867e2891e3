//! A plain file that grows durably: one thread, one sync for all that queued up during the last.
//! No order, no duplicates known, nothing found again: the least that durability costs.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};

/// As many as the bridge's own writer takes at once.
const MAX_BATCH: usize = 256;

type Entry = (Bytes, oneshot::Sender<()>);

#[derive(Clone)]
pub struct Journal(mpsc::Sender<Entry>);

impl Journal {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::create(path)?;
        let (sender, mut queue) = mpsc::channel::<Entry>(4096);
        std::thread::spawn(move || {
            let mut batch = Vec::with_capacity(MAX_BATCH);
            let mut bytes = Vec::new();
            while queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
                bytes.clear();
                for (body, _) in &batch {
                    bytes.extend_from_slice(body);
                }
                if file
                    .write_all(&bytes)
                    .and_then(|()| file.sync_data())
                    .is_err()
                {
                    // Whoever waits is told by the senders' end.
                    return;
                }
                for (_, done) in batch.drain(..) {
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
            }
        });
        Ok(Self(sender))
    }

    /// Whether it is on disk.
    pub async fn keep(&self, body: Bytes) -> bool {
        let (done, kept) = oneshot::channel();
        self.0.send((body, done)).await.is_ok() && kept.await.is_ok()
    }
}
