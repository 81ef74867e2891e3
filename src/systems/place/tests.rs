//! Which ids address a lead at which target.

use super::*;
use crate::config::{LeadpingApi, LeadpingTarget, Marker, NlpearlTarget};
use crate::secret::SecretReference;

const NO_SECRET: &str = "NO_SUCH_VARIABLE";

fn ids(pairs: &[(&str, &str)]) -> Vec<SystemId> {
    pairs
        .iter()
        .map(|(system, id)| SystemId::new(*system, *id))
        .collect()
}

fn campaigns(campaigns: Campaigns) -> Place {
    Place::Campaigns {
        sources: vec![String::from("voice"), String::from("voice2")],
        campaigns,
    }
}

#[track_caller]
fn check(place: &Place, others: &[(&str, &str)], pearls: &[(&str, &str)], expected: Addresses) {
    let others = ids(others);
    let pearls = pearls
        .iter()
        .map(|(lead, pearl)| ((*lead).to_owned(), (*pearl).to_owned()))
        .collect();
    let known = Ids {
        leadping: None,
        others: &others,
        pearls: &pearls,
    };
    assert_eq!(place.addresses(&known), expected);
}

fn at(addresses: &[&str]) -> Addresses {
    Addresses::At(addresses.iter().map(|one| (*one).to_owned()).collect())
}

#[test]
fn a_crm_lead_is_found_by_its_ids_in_crm_sources() {
    let place = Place::Sources(vec![String::from("crm")]);
    check(&place, &[("voice", "v1")], &[], Addresses::Absent);
    check(&place, &[("crm", "2"), ("voice", "v1")], &[], at(&["2"]));
    check(&place, &[("crm", "2"), ("crm", "3")], &[], at(&["2", "3"]));
}

#[test]
fn a_campaign_lead_is_found_by_its_pearl() {
    let place = campaigns(Campaigns::Pearls);
    check(&place, &[("voice", "v1")], &[], Addresses::Absent);
    check(&place, &[("voice", "v1")], &[("v1", "p1")], at(&["p1/v1"]));
    check(
        &place,
        &[("voice", "v1"), ("crm", "2"), ("voice2", "v2")],
        &[("v1", "p1"), ("v2", "p2"), ("2", "p3")],
        at(&["p1/v1", "p2/v2"]),
    );
    check(
        &place,
        &[("voice", "v/1")],
        &[("v/1", "p1")],
        Addresses::Unaddressable(String::from("its pearl id or lead id is not an id")),
    );
}

#[test]
fn version_1_needs_the_outbound_of_the_pearl() {
    let known = BTreeMap::from([(String::from("p1"), String::from("o1"))]);
    let place = campaigns(Campaigns::Outbounds(known));
    check(&place, &[("voice", "v1")], &[("v1", "p1")], at(&["o1/v1"]));
    let why = String::from("no outbound id is configured for pearl `p2`");
    check(
        &place,
        &[("voice", "v1"), ("voice", "v2")],
        &[("v1", "p1"), ("v2", "p2")],
        Addresses::Unaddressable(why),
    );
}

#[test]
fn leadping_wants_its_own_id() {
    let system = TargetSystem::Leadping(LeadpingTarget {
        api: LeadpingApi::Dispositions,
        marker: Marker::Reason,
        token: SecretReference::Env(NO_SECRET.into()),
    });
    let place = Place::of(&system, std::iter::empty());
    check(&place, &[("crm", "2")], &[], Addresses::Unlinked);
    let known = Ids {
        leadping: Some("L1"),
        others: &[],
        pearls: &BTreeMap::new(),
    };
    assert_eq!(place.addresses(&known), at(&["L1"]));
}

#[test]
fn sources_of_the_same_kind_lead_to_a_target() {
    let of = |name: &str, kind| (name.to_owned(), SourceConfig::unconfigured(name, kind));
    let sources = BTreeMap::from([
        of("voice", SourceKind::Nlpearl),
        of("crm", SourceKind::Capillary),
        of("voice2", SourceKind::Nlpearl),
    ]);
    let system = TargetSystem::Nlpearl(NlpearlTarget {
        api: NlpearlApi::V2,
        token: SecretReference::Env(NO_SECRET.into()),
        outbound_ids: BTreeMap::new(),
    });
    assert_eq!(
        Place::of(&system, sources.iter()),
        campaigns(Campaigns::Pearls)
    );
}
