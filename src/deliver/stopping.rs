//! A person stops a target, or lets it go on: on disk before anybody is told that it is so.

use super::TargetWorker;
use crate::store::StoreError;

impl TargetWorker {
    /// No call is begun from now on; those under way end. Survives a restart.
    pub async fn pause(&self, by: &str) -> Result<(), StoreError> {
        self.health().stop(by, self.clock.now());
        // Else a restart would send again what somebody relies on being held.
        self.try_save_health().await?;
        tracing::warn!(target.name = %self.config.name, by, "target paused by a person; nothing is sent until it is resumed");
        self.woken.notify_one();
        Ok(())
    }

    /// Calls are made again.
    pub async fn resume(&self, by: &str) -> Result<(), StoreError> {
        self.health().go_on(self.clock.now());
        self.woken.notify_one();
        self.try_save_health().await?;
        tracing::info!(target.name = %self.config.name, by, "target resumed by a person");
        Ok(())
    }
}
