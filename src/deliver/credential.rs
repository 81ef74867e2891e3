//! A target's credential as its calls carry it: one header, made of the configured secrets or of a
//! token that is asked for with them.
//!
//! Reads secrets and keeps the token; asking for one is `authorize`'s. Nothing here is ever logged.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tokio::sync::Mutex;

use crate::config::{CapillaryAuth, TargetSystem};
use crate::secret::{Secret, SecretReference};
use crate::systems::capillary::outbound as capillary;
use crate::systems::outbound::Request;

/// The header that shows who calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorization {
    pub name: HeaderName,
    pub value: HeaderValue,
}

impl Authorization {
    fn new(name: HeaderName, text: &str) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(text)
            .map_err(|_| anyhow::anyhow!("it has characters that no header can carry"))?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

#[derive(Debug)]
pub enum Credential {
    Header {
        system: TargetSystem,
        authorization: ArcSwap<Authorization>,
    },
    Tokens(Tokens),
}

/// OAuth: a key and a secret that buy tokens.
#[derive(Debug)]
pub struct Tokens {
    references: [SecretReference; 2],
    pair: ArcSwap<[Secret; 2]>,
    /// Locked while one is asked for, so that only one is.
    pub token: Mutex<Option<Token>>,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub authorization: Authorization,
    /// From then on another one is asked for.
    pub until: Timestamp,
}

impl Credential {
    pub fn load(system: &TargetSystem) -> anyhow::Result<Self> {
        if let TargetSystem::Capillary(target) = system
            && let CapillaryAuth::OAuth { key, secret } = &target.auth
        {
            let references = [key.clone(), secret.clone()];
            return Ok(Self::Tokens(Tokens {
                pair: ArcSwap::from_pointee(load_pair(&references)?),
                references,
                token: Mutex::new(None),
            }));
        }
        Ok(Self::Header {
            authorization: ArcSwap::from_pointee(header(system)?),
            system: system.clone(),
        })
    }

    /// Reads secrets that live in files again; unreadable ones leave the old in force.
    pub fn reload(&self) {
        let result = match self {
            Self::Header {
                system,
                authorization,
            } => {
                if !lives_in_files(system.secrets().into_iter().map(|(_, secret)| secret)) {
                    return;
                }
                header(system).map(|header| authorization.store(Arc::new(header)))
            }
            Self::Tokens(tokens) => {
                if !lives_in_files(tokens.references.iter()) {
                    return;
                }
                // A token that the old pair bought is tried until it is refused.
                load_pair(&tokens.references).map(|pair| tokens.pair.store(Arc::new(pair)))
            }
        };
        if let Err(error) = result {
            tracing::warn!(%error, "the credential cannot be read again; the old one stays");
        }
    }
}

impl Tokens {
    pub fn request(&self) -> Request {
        let pair = self.pair.load();
        let [key, secret] = &**pair;
        capillary::token_request(key.expose(), secret.expose())
    }

    /// The token in an answer; `None`: there is none that can be used.
    pub fn token_in(&self, answer: &[u8], now: Timestamp) -> Option<Token> {
        let (text, used_for) = capillary::token_in(answer)?;
        let name = HeaderName::from_static(capillary::TOKEN_HEADER);
        Some(Token {
            authorization: Authorization::new(name, &text).ok()?,
            until: crate::clock::after(now, used_for),
        })
    }
}

fn lives_in_files<'r>(mut references: impl Iterator<Item = &'r SecretReference>) -> bool {
    references.any(|reference| matches!(reference, SecretReference::File(_)))
}

fn load_pair(references: &[SecretReference; 2]) -> anyhow::Result<[Secret; 2]> {
    let [key, secret] = references;
    Ok([key.load()?, secret.load()?])
}

fn header(system: &TargetSystem) -> anyhow::Result<Authorization> {
    let text = match system {
        TargetSystem::Leadping(target) => format!("Bearer {}", target.token.load()?.expose()),
        TargetSystem::Nlpearl(target) => format!("Bearer {}", target.token.load()?.expose()),
        TargetSystem::Capillary(target) => match &target.auth {
            CapillaryAuth::Basic { username, password } => {
                capillary::basic(username, password.load()?.expose())
            }
            // Its token is the header; `Tokens` asks for it.
            CapillaryAuth::OAuth { key, .. } => key.load()?.expose().to_owned(),
        },
    };
    Authorization::new(AUTHORIZATION, &text)
}

/// Whether the target's credential is there and can be sent.
pub fn check(system: &TargetSystem) -> anyhow::Result<()> {
    Credential::load(system).map(drop)
}
