//! Any system that can post JSON: what its bodies mean is configured, its statuses are its own.

pub mod inbound;
