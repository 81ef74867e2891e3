//! The configuration, checked: what the rest of the program may rely on.
//!
//! `raw` is the file's shape, `load` reads and layers it (defaults → file → `environment`), `check`
//! turns it into these types and collects every fault, `effective` shows what is in force. Nobody
//! else reads the environment.

mod raw;
mod mask;
mod faults;
mod section;
mod environment;
mod load;
mod check;
mod effective;
mod fields;
mod vocabulary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

pub use self::effective::{MissingSecret, missing_secrets, redacted, referenced_secrets};
pub use self::environment::process_environment;
pub use self::fields::{Field, Fields};
pub use self::load::{Inspection, TablesWanted, inspect, load};
pub use self::vocabulary::{Form, REFERENCE, Vocabulary, vocabulary};
use crate::secret::SecretReference;

/// Everything `serve` needs, proven consistent.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub admin: AdminConfig,
    pub store: StoreConfig,
    pub mappings: MappingsConfig,
    pub decide: DecideConfig,
    pub telemetry: TelemetryConfig,
    /// By name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// By name.
    pub targets: BTreeMap<String, TargetConfig>,
}

impl Config {
    /// The mapping tables that the sources need, and the vendor whose vocabulary each speaks.
    pub fn mapping_kinds(&self) -> BTreeMap<String, SourceKind> {
        check::mapping_kinds(&self.sources)
    }
}

#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub max_body_bytes: usize,
    pub max_connections: usize,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub request_timeout: Duration,
    pub shutdown_grace: Duration,
}

#[derive(Debug, Clone)]
pub struct AdminConfig {
    pub listen: SocketAddr,
    pub token: Option<SecretReference>,
    /// Further ones, each of somebody.
    pub tokens: Vec<NamedToken>,
}

#[derive(Debug, Clone)]
pub struct NamedToken {
    /// As the audit trail names who showed it.
    pub name: String,
    pub secret: SecretReference,
}

impl AdminConfig {
    /// What the audit trail calls whoever shows `admin.token`.
    pub const TOKEN: &str = "admin";

    /// Every token, under its name.
    pub fn named_tokens(&self) -> impl Iterator<Item = (&str, &SecretReference)> {
        let first = self.token.iter().map(|token| (Self::TOKEN, token));
        let further = self.tokens.iter();
        first.chain(further.map(|token| (token.name.as_str(), &token.secret)))
    }
}

#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The SQLite file (from `sqlite:PATH`).
    pub path: PathBuf,
    pub retention: Duration,
}

#[derive(Debug, Clone)]
pub struct MappingsConfig {
    pub dir: PathBuf,
    pub watch: bool,
}

/// What is exported besides the log and `/metrics`.
#[derive(Debug, Clone, Default)]
pub struct TelemetryConfig {
    pub otlp: Option<OtlpConfig>,
}

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// Without a trailing slash; `/v1/traces` and `/v1/metrics` are appended.
    pub endpoint: String,
    pub header: Option<HeaderSecret>,
    pub traces: bool,
    pub metrics: bool,
    /// 0 to 1: the share of events that are traced.
    pub sample_ratio: f64,
    /// Between two exports of the metrics.
    pub interval: Duration,
    /// For one export.
    pub timeout: Duration,
}

/// A header that carries a secret.
#[derive(Debug, Clone)]
pub struct HeaderSecret {
    pub name: String,
    pub prefix: String,
    pub secret: SecretReference,
}

/// How several sources' words on one lead become one truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideConfig {
    /// Categories that only a source may leave that stands at or before the one that set them.
    pub terminal_categories: Vec<String>,
    /// Source names, strongest first; a source not named is weakest.
    pub authority: Vec<String>,
    pub on_newer: OnNewer,
    /// For how long after a write the webhook that it causes is taken for its echo.
    pub echo_window: Duration,
    pub write_budget: WriteBudget,
}

/// What an unsent older delivery of a lead does when a newer one is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnNewer {
    /// It is sent first.
    Queue,
    /// It gives way.
    Supersede,
}

/// How often a lead may be decided back to a category and outcome that it had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBudget {
    pub returns: u32,
    pub per: Duration,
}

impl Default for DecideConfig {
    fn default() -> Self {
        check::default_decide()
    }
}

/// A system that sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    Nlpearl,
    Capillary,
    /// LeadPing's own automations.
    Leadping,
    /// Any JSON webhook: what its members mean is configured.
    Generic,
}

impl SourceKind {
    pub const ALL: [Self; 4] = [
        Self::Nlpearl,
        Self::Capillary,
        Self::Leadping,
        Self::Generic,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nlpearl => "nlpearl",
            Self::Capillary => "capillary",
            Self::Leadping => "leadping",
            Self::Generic => "generic",
        }
    }
}

#[derive(Debug, Clone)]
pub struct SourceConfig {
    pub name: String,
    pub kind: SourceKind,
    /// The mapping's name: `voice` is `mappings/voice.toml`.
    pub mapping: String,
    /// JSON pointers to the LeadPing lead id, tried in order.
    pub lead: Vec<String>,
    /// What a body of a free-form kind says where.
    pub fields: Fields,
    /// Other source's name → JSON pointer to its lead id.
    pub links: BTreeMap<String, String>,
    /// The event names that are acted on; empty: all of them.
    pub events: Vec<String>,
    pub dedupe_window: Duration,
    /// Without a sender's id: how long an equal body counts as a redelivery.
    pub redelivery: Duration,
    pub rate_limit: Option<RateLimit>,
    /// Who is asked whose lead this is, where no webhook says it.
    pub resolve: Option<ResolveConfig>,
    /// One entry that passes admits the request. Never empty.
    pub auth: Vec<AuthConfig>,
}

/// A target that is asked who an unknown lead is. Proven to be there and of kind nlpearl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveConfig {
    pub target: String,
    /// How long "nothing there" holds; then the lead's next event has it asked again.
    pub nothing_for: Duration,
    pub by: ResolveBy,
}

/// What the lead is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveBy {
    /// Its id, in the pearl that its webhooks name: the source is NLPearl's.
    Id,
    /// Its id here is the external id of leads of this source of NLPearl's, in one of these pearls.
    ExternalId {
        through: String,
        pearls: Vec<String>,
    },
}

impl SourceConfig {
    /// A source of which nothing but the kind is known, for trying out a mapping that no source
    /// uses yet. It has no credential: it must never receive.
    pub fn unconfigured(name: &str, kind: SourceKind) -> Self {
        check::unconfigured_source(name, kind)
    }
}

/// One accepted credential of a source.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    pub scheme: AuthScheme,
    /// This secret stops being accepted then.
    pub not_after: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub enum AuthScheme {
    /// The header equals `prefix` + secret.
    Header {
        header: String,
        prefix: String,
        secret: SecretReference,
    },
    /// The query parameter equals the secret.
    Query {
        parameter: String,
        secret: SecretReference,
    },
    Basic {
        username: String,
        password: SecretReference,
    },
    HmacSha256(HmacConfig),
    StandardWebhooks {
        secret: SecretReference,
        tolerance: Duration,
    },
    /// Anybody may post; must be written out.
    None,
}

#[derive(Debug, Clone)]
pub struct HmacConfig {
    pub header: String,
    pub prefix: String,
    pub encoding: SignatureEncoding,
    /// With it the signed content is `{timestamp}.{body}`, Unix seconds.
    pub timestamp_header: Option<String>,
    pub tolerance: Duration,
    pub secret: SecretReference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    Hex,
    Base64,
}

/// `requests` in every `per`, at most `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub requests: u32,
    pub per: Duration,
    pub burst: u32,
}

impl RateLimit {
    /// How long so many calls take at `share` percent of the rate.
    pub fn time_for(&self, calls: u64, share: u8) -> Duration {
        let each = self.per.as_secs_f64() / f64::from(self.requests.max(1));
        let share = f64::from(share.max(1)) / 100.0;
        let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
        Duration::try_from_secs_f64(calls * each / share).unwrap_or(Duration::MAX)
    }
}

/// Which of LeadPing's two path sets is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeadpingApi {
    Dispositions,
    LeadStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetMode {
    Live,
    /// Decide and record, send nothing.
    Shadow,
}

/// Which member of an entry carries our delivery id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Reason,
    Notes,
    None,
}

/// Which of NLPearl's two path sets is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NlpearlApi {
    V1,
    V2,
}

/// The system behind a target: its kind, and what only that kind has.
#[derive(Debug, Clone)]
pub enum TargetSystem {
    Leadping(LeadpingTarget),
    Nlpearl(NlpearlTarget),
    Capillary(CapillaryTarget),
}

impl TargetSystem {
    /// The word in `kind = "…"`; for now a target's name too.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Leadping(_) => "leadping",
            Self::Nlpearl(_) => "nlpearl",
            Self::Capillary(_) => "capillary",
        }
    }

    /// Every secret that its calls need, by its key.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretReference)> {
        match self {
            Self::Leadping(LeadpingTarget { token, .. })
            | Self::Nlpearl(NlpearlTarget { token, .. }) => vec![("token", token)],
            Self::Capillary(CapillaryTarget { auth }) => match auth {
                CapillaryAuth::Basic { password, .. } => vec![("auth.password", password)],
                CapillaryAuth::OAuth { key, secret } => {
                    vec![("auth.key", key), ("auth.secret", secret)]
                }
            },
        }
    }
}

#[derive(Debug, Clone)]
pub struct LeadpingTarget {
    pub api: LeadpingApi,
    pub marker: Marker,
    pub token: SecretReference,
}

#[derive(Debug, Clone)]
pub struct NlpearlTarget {
    pub api: NlpearlApi,
    /// `{AccountId}:{SecretKey}`
    pub token: SecretReference,
    /// Pearl id → outbound id; the paths of v1 name the outbound.
    pub outbound_ids: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct CapillaryTarget {
    pub auth: CapillaryAuth,
}

#[derive(Debug, Clone)]
pub enum CapillaryAuth {
    Basic {
        username: String,
        /// In clear; the vendor's form of it is made when it is sent.
        password: SecretReference,
    },
    OAuth {
        key: SecretReference,
        secret: SecretReference,
    },
}

#[derive(Debug, Clone)]
pub struct TargetConfig {
    pub name: String,
    pub system: TargetSystem,
    /// Without a trailing slash.
    pub base_url: String,
    pub rate_limit: RateLimit,
    pub concurrency: usize,
    pub timeout: Duration,
    /// How long after a try of unknown fate the look-up waits.
    pub lookup_after: Duration,
    pub mode: TargetMode,
    pub proxy: Option<String>,
    pub retry: RetryConfig,
    pub breaker: BreakerConfig,
}

#[derive(Debug, Clone)]
pub struct RetryConfig {
    pub initial: Duration,
    pub max: Duration,
    /// At least 1.
    pub multiplier: f64,
    /// 0 to 1: the share of the interval by which it may differ either way.
    pub jitter: f64,
    pub give_up_after: Duration,
    pub retry_after_max: Duration,
}

#[derive(Debug, Clone)]
pub struct BreakerConfig {
    /// Failures in a row that open it.
    pub failures: u32,
    /// On at least so many different leads.
    pub leads: u32,
    pub probe_initial: Duration,
    pub probe_max: Duration,
}
