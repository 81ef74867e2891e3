//! NLPearl's API as the bridge calls it: the update of a lead in a campaign. Pure.
//!
//! From the vendor's page "update lead" (v1) and its v2 counterpart, which names the pearl where v1
//! names the outbound. All members are optional; what is not sent stays as it is.

use serde_json::{Map, Value};

use crate::config::NlpearlApi;
use crate::systems::outbound::{Method, Request};

/// A lead's address: its campaign (an outbound id in v1, a pearl id in v2) and its id there;
/// `None` where one of them is no id.
pub fn address(campaign: &str, lead_id: &str) -> Option<String> {
    let is_id = |id: &str| !id.is_empty() && !id.contains('/');
    (is_id(campaign) && is_id(lead_id)).then(|| format!("{campaign}/{lead_id}"))
}

/// `PUT /v1/Outbound/{outboundId}/Lead/{leadId}`, or v2 with the pearl id.
pub fn update(api: NlpearlApi, address: &str, members: &Map<String, Value>) -> Request {
    Request::new(Method::Put, &path(api, address), Some(members.clone()))
}

/// Reads the lead, by the same path.
pub fn get(api: NlpearlApi, address: &str) -> Request {
    Request::get(&path(api, address))
}

/// Looks for the lead with this id in another system: `GET …/Lead/Extrenal/{externalId}`, as v1's
/// page spells it, and `…/Lead/External/{externalId}` in v2.
pub fn get_by_external_id(api: NlpearlApi, campaign: &str, external_id: &str) -> Request {
    let word = match api {
        NlpearlApi::V1 => "Extrenal",
        NlpearlApi::V2 => "External",
    };
    Request::get(&[
        version(api),
        "Outbound",
        campaign,
        "Lead",
        word,
        external_id,
    ])
}

/// The account that the credential belongs to; only version 1 documents it.
pub fn account() -> Request {
    Request::get(&["v1", "Account"])
}

fn path(api: NlpearlApi, address: &str) -> [&str; 5] {
    let (campaign, lead_id) = address.split_once('/').unwrap_or(("", address));
    [version(api), "Outbound", campaign, "Lead", lead_id]
}

fn version(api: NlpearlApi) -> &'static str {
    match api {
        NlpearlApi::V1 => "v1",
        NlpearlApi::V2 => "v2",
    }
}

#[cfg(test)]
mod tests;
