//! A process's resident memory, as the kernel counts it.

use anyhow::Context;

/// In MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: f64,
    /// The most it ever was.
    pub peak: f64,
}

/// Linux only: elsewhere there is no `/proc`.
pub fn of_process(id: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let mebibytes = |key: &str| -> anyhow::Result<f64> {
        let kibibytes: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .and_then(|rest| rest.split_whitespace().next())
            .with_context(|| format!("{path} has no {key}"))?
            .parse()?;
        Ok(kibibytes / 1024.0)
    };
    Ok(Memory {
        resident: mebibytes("VmRSS:")?,
        peak: mebibytes("VmHWM:")?,
    })
}
