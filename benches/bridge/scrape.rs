//! What the bridge counts itself, from its `/metrics`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;

/// Between two looks: often enough to time seconds, seldom enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One scrape.
pub struct Scrape(String);

impl Scrape {
    pub async fn of(admin: SocketAddr) -> anyhow::Result<Self> {
        let response = reqwest::get(format!("http://{admin}/metrics")).await?;
        Ok(Self(response.error_for_status()?.text().await?))
    }

    /// The sum of a metric over all its labels that contain `label`; 0 where it never counted.
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        let value = |line: &str| -> Option<f64> {
            let (name, value) = line.rsplit_once(' ')?;
            let rest = name
                .strip_prefix("leadping_bridge_")?
                .strip_prefix(metric)?;
            let labels = (rest.is_empty() || rest.starts_with('{')).then_some(rest)?;
            labels.contains(label).then(|| value.parse().ok())?
        };
        self.0.lines().filter_map(value).sum()
    }

    pub fn decided(&self) -> f64 {
        self.sum("decisions_total", "")
    }

    pub fn delivered(&self) -> f64 {
        self.sum("deliveries", "state=\"delivered\"")
    }

    pub fn rows(&self) -> f64 {
        self.sum("store_rows_total", "")
    }

    /// How long one group commit took since `before`, on average, ms.
    pub fn commit_ms_since(&self, before: &Self) -> f64 {
        let grown = |metric| self.sum(metric, "") - before.sum(metric, "");
        1000.0 * grown("store_commit_seconds_sum") / grown("store_commit_seconds_count")
    }
}

/// Waits until `count` has reached `expected`; returns the last look.
pub async fn wait_for(
    admin: SocketAddr,
    count: fn(&Scrape) -> f64,
    expected: usize,
) -> anyhow::Result<Scrape> {
    const LONGEST: Duration = Duration::from_secs(120);
    let begun = Instant::now();
    loop {
        let scrape = Scrape::of(admin).await?;
        let so_far = count(&scrape);
        if so_far >= expected as f64 {
            return Ok(scrape);
        }
        if begun.elapsed() > LONGEST {
            bail!("only {so_far} of {expected} after {LONGEST:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
