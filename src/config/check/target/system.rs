//! What only one kind of target has: its defaults, which of its APIs is spoken, its credential.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::faults::Fault;
use crate::config::section::Section;
use crate::config::{
    CapillaryAuth, CapillaryTarget, LeadpingApi, LeadpingTarget, Marker, NlpearlApi, NlpearlTarget,
    RateLimit, TargetSystem,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Leadping,
    Nlpearl,
    Capillary,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Leadping, Self::Nlpearl, Self::Capillary];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leadping => "leadping",
            Self::Nlpearl => "nlpearl",
            Self::Capillary => "capillary",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// `None`: it depends on the region.
    pub fn base_url(self) -> Option<&'static str> {
        match self {
            Self::Leadping => Some("https://api.leadping.ai"),
            Self::Nlpearl => Some("https://api.nlpearl.ai"),
            Self::Capillary => None,
        }
    }

    /// The vendor's own limit, where it names one: LeadPing's is 300 requests in 60 seconds.
    pub fn requests_per_second(self) -> Option<f64> {
        (self == Self::Leadping).then_some(5.0)
    }

    /// LeadPing's and Capillary's (100 a minute on test clusters) leave the rest to others;
    /// NLPearl publishes none.
    pub fn rate_limit(self) -> RateLimit {
        let requests = match self {
            Self::Leadping => 240,
            Self::Nlpearl => 300,
            Self::Capillary => 90,
        };
        RateLimit {
            requests,
            per: Duration::from_secs(60),
            burst: 10,
        }
    }

    pub fn concurrency(self) -> u32 {
        match self {
            Self::Leadping => 8,
            Self::Nlpearl | Self::Capillary => 4,
        }
    }
}

/// `None` where its credential is at fault.
pub(super) fn system(kind: Kind, section: &Section<'_>) -> Option<TargetSystem> {
    match kind {
        Kind::Leadping => leadping(section).map(TargetSystem::Leadping),
        Kind::Nlpearl => nlpearl(section).map(TargetSystem::Nlpearl),
        Kind::Capillary => capillary(section).map(TargetSystem::Capillary),
    }
}

fn leadping(section: &Section<'_>) -> Option<LeadpingTarget> {
    let apis = [
        ("dispositions", LeadpingApi::Dispositions),
        ("lead-status", LeadpingApi::LeadStatus),
    ];
    let markers = [
        ("reason", Marker::Reason),
        ("notes", Marker::Notes),
        ("none", Marker::None),
    ];
    let api = section
        .choice("api", &apis)
        .unwrap_or(LeadpingApi::Dispositions);
    let marker = section.choice("marker", &markers).unwrap_or(Marker::Reason);
    Some(LeadpingTarget {
        api,
        marker,
        token: section.required_secret("token")?,
    })
}

fn nlpearl(section: &Section<'_>) -> Option<NlpearlTarget> {
    let apis = [("v1", NlpearlApi::V1), ("v2", NlpearlApi::V2)];
    let api = section.choice("api", &apis).unwrap_or(NlpearlApi::V1);
    let outbound_ids = outbound_ids(section);
    let says_none = outbound_ids.as_ref().is_none_or(BTreeMap::is_empty);
    if api == NlpearlApi::V1 && says_none {
        let message = format!(
            "`{}` is empty: the paths of v1 name the outbound, and webhooks only the pearl",
            section.name_of("outbound_ids")
        );
        let fault = Fault::warning(&section.place_of("outbound_ids"), message);
        section.faults.report(
            fault.hint("outbound_ids = { \"<pearl id>\" = \"<outbound id>\" }, or api = \"v2\""),
        );
    }
    Some(NlpearlTarget {
        api,
        token: section.required_secret("token")?,
        outbound_ids: outbound_ids.unwrap_or_default(),
    })
}

/// Pairs that are none are reported, and still not nothing.
fn outbound_ids(section: &Section<'_>) -> Option<BTreeMap<String, String>> {
    let ids = section.section("outbound_ids")?;
    let mut found = BTreeMap::new();
    for entry in ids.entries() {
        let name = ids.name_of(&entry.key);
        let Some(outbound) = ids.text_of(&name, &entry.node) else {
            continue;
        };
        let is_id = |id: &str| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        found.insert(entry.key.clone(), outbound.to_owned());
        if !is_id(&entry.key) || !is_id(outbound) {
            let fault = Fault::error(&entry.node.place, format!("`{name}` is not a pair of ids"));
            section
                .faults
                .report(fault.hint("\"<pearl id>\" = \"<outbound id>\", letters and digits only"));
        }
    }
    Some(found)
}

fn capillary(section: &Section<'_>) -> Option<CapillaryTarget> {
    const EXAMPLE: &str = "auth = { scheme = \"basic\", username = \"…\", password = { env = \"…\" } }, or { scheme = \"oauth\", key = …, secret = … }";
    if !section.has("auth") {
        section.missing("auth", EXAMPLE);
    }
    let auth = section.section("auth")?;
    if !auth.has("scheme") {
        auth.missing("scheme", "basic | oauth");
    }
    let scheme = auth.choice(
        "scheme",
        &[("basic", Scheme::Basic), ("oauth", Scheme::OAuth)],
    );
    let username = auth.text("username");
    let found = match scheme? {
        Scheme::Basic => {
            only_of(&auth, "oauth", &["key", "secret"]);
            if !auth.has("username") {
                auth.missing("username", "the till's or store centre's user name");
            }
            if username.is_some_and(|name| name.is_empty() || name.contains(':')) {
                auth.bad_value("username", "is empty or has a colon in it", "");
            }
            let password = auth.required_secret("password");
            let pair = username.zip(password);
            pair.map(|(username, password)| CapillaryAuth::Basic {
                username: username.to_owned(),
                password,
            })
        }
        Scheme::OAuth => {
            only_of(&auth, "basic", &["username", "password"]);
            let pair = auth
                .required_secret("key")
                .zip(auth.required_secret("secret"));
            pair.map(|(key, secret)| CapillaryAuth::OAuth { key, secret })
        }
    };
    auth.finish();
    Some(CapillaryTarget { auth: found? })
}

#[derive(Debug, Clone, Copy)]
enum Scheme {
    Basic,
    OAuth,
}

/// Keys that only the other scheme has; whatever stands there may be a secret.
fn only_of(auth: &Section<'_>, scheme: &str, keys: &[&'static str]) {
    for key in keys {
        let is_secret = *key != "username";
        if is_secret {
            auth.secret(key);
        }
        if auth.has(key) {
            auth.bad_value(key, format!("belongs to scheme `{scheme}`"), "remove it");
        }
    }
}
