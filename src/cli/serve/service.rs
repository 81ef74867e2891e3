//! What the service manager is told where it asks (systemd: `Type=notify`): ready, reloading,
//! stopping, alive. Elsewhere nothing is told and nothing is missed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::app::Pulse;

/// Something the service manager understands.
enum News<'a> {
    /// With a line for `systemctl status`.
    Ready(&'a str),
    Reloading,
    Stopping,
    Alive,
}

/// Both listeners answer and the store is open.
pub(super) fn ready(status: &str) {
    tell(&News::Ready(status));
}

pub(super) fn reloading() {
    tell(&News::Reloading);
}

/// Ends when dropped.
pub(super) struct Watchdog(Option<JoinHandle<()>>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// Says "alive" twice in the time after which the manager would restart us, as long as it is true.
pub(super) fn watch(pulse: Arc<Pulse>) -> Watchdog {
    Watchdog(watchdog_time().map(|time| tokio::spawn(say_alive(pulse, time / 2))))
}

pub(super) fn stopping(watchdog: Watchdog) {
    drop(watchdog);
    tell(&News::Stopping);
}

async fn say_alive(pulse: Arc<Pulse>, every: Duration) {
    let mut turns = tokio::time::interval(every);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        match pulse.still(every).await {
            None => tell(&News::Alive),
            Some(part) => tracing::error!(
                "{part} has not moved for {}s; the service manager restarts the bridge if that goes on, nothing is lost",
                every.as_secs_f64()
            ),
        }
    }
}

#[cfg(target_os = "linux")]
fn watchdog_time() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|time| !time.is_zero())
}

#[cfg(target_os = "linux")]
fn tell(news: &News<'_>) {
    use sd_notify::NotifyState;

    let told = match news {
        News::Ready(status) => {
            sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)])
        }
        News::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        News::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        News::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager could not be told how the bridge is");
    }
}

#[cfg(not(target_os = "linux"))]
fn watchdog_time() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
fn tell(_: &News<'_>) {}
