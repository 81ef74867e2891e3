//! Measured values and where they lie: medians and percentiles.

/// Values in order, in whatever unit they were measured.
#[derive(Debug, Clone, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value that this share (0 to 1) of all values does not exceed; NaN where nothing was
    /// measured, which keeps no bound.
    pub fn percentile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let place = rank.clamp(1, self.0.len().max(1)) - 1;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.percentile(0.5)
    }

    pub fn worst(&self) -> f64 {
        self.percentile(1.0)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
