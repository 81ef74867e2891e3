//! The disk alone: how fast one file grows durably, page by page.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::spread::Spread;

/// What one durable page costs here.
pub struct Syncs {
    pub per_second: f64,
    pub ms: Spread,
}

/// Appends 4 KiB and syncs, again and again, in the directory that will hold the store.
pub fn measure(place: &Path, during: Duration) -> anyhow::Result<Syncs> {
    let path = place.join("syncs");
    let mut file = File::create(&path)?;
    let page = [0x5a; 4096];
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < during {
        let begun = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let per_second = times.len() as f64 / started.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Syncs {
        per_second,
        ms: Spread::of(times),
    })
}
