//! The smaller tables.

use std::collections::BTreeSet;

use callvault::index::tickets::{self, Ticket};
use callvault::index::tokens::{self, Token};
use callvault::index::{Error, controllers, facts, guards};
use callvault::model::{
    Class, ControllerId, Customer, CustomerStatus, PrincipalId, Purpose, Role, Term,
};

use super::{HOUR, add, at, provider, recording, write};
use crate::backend::{TestDb, on_each_backend};

on_each_backend! {
    there_is_one_provider,
    a_customer_reads_back_as_it_was_written,
    customers_are_listed_by_the_bytes_of_their_reference,
    a_token_is_found_by_its_hash_and_revoked_once,
    a_ticket_lasts_until_it_is_purged,
    the_latest_time_seen_never_goes_back,
    a_run_that_was_stopped_waits_until_it_is_confirmed,
    facts_are_remembered,
}

pub(super) fn customer(reference: &str, n: i64) -> Customer {
    Customer {
        id: ControllerId::random(),
        reference: reference.parse().unwrap(),
        name: "Acme \u{20AC}".into(),
        agreement: None,
        recording: false,
        status: CustomerStatus::Active,
        term: None,
        policy_version: 0,
        floor: None,
        ceiling: Term::months(120),
        legal_basis: None,
        created_at: at(n),
    }
}

async fn there_is_one_provider(t: TestDb) {
    assert_eq!(controllers::provider(&t.db).await.unwrap(), None);
    let first = provider(&t.db).await;
    assert_eq!(provider(&t.db).await, first, "the second one asked is the first");
    assert_eq!(controllers::provider(&t.db).await.unwrap(), Some(first));
}

async fn a_customer_reads_back_as_it_was_written(t: TestDb) {
    let added = customer("acme", 1);
    write!(t.db, |tx| controllers::insert_customer(tx, &added));
    let found = controllers::find_customer(&t.db, &added.reference).await.unwrap();
    assert_eq!(found, Some(added.clone()));
    let changed = Customer {
        name: "Acme B.V.".into(),
        agreement: Some("A-1".into()),
        recording: true,
        term: Some(Term::days(30)),
        policy_version: 1,
        floor: Some(Term::days(7)),
        ceiling: Term::months(24),
        legal_basis: Some("Wft 4:23".into()),
        ..added.clone()
    };
    assert!(write!(t.db, |tx| controllers::update_customer(tx, &changed)));
    let found = controllers::customer(&t.db, added.id).await.unwrap();
    assert_eq!(found, Some(changed));
    let (active, leaving) = (CustomerStatus::Active, CustomerStatus::Leaving);
    assert!(write!(t.db, |tx| controllers::set_status(tx, added.id, active, leaving)));
    assert!(!write!(t.db, |tx| controllers::set_status(tx, added.id, active, leaving)));
    let found = controllers::customer(&t.db, added.id).await.unwrap().unwrap();
    assert_eq!(found.status, leaving);

    let mut tx = t.db.begin().await.unwrap();
    let refused = controllers::insert_customer(&mut tx, &customer("acme", 2)).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    tx.rollback().await.unwrap();
    let nobody = customer("nobody", 3);
    assert!(!write!(t.db, |tx| controllers::update_customer(tx, &nobody)));
    assert_eq!(controllers::customer(&t.db, nobody.id).await.unwrap(), None);
}

async fn customers_are_listed_by_the_bytes_of_their_reference(t: TestDb) {
    for reference in ["b", "a", "B", "_"] {
        write!(t.db, |tx| controllers::insert_customer(tx, &customer(reference, 0)));
    }
    let list = async |after, limit| -> Vec<String> {
        let page = controllers::list_customers(&t.db, after, limit).await.unwrap();
        page.iter().map(|customer| customer.reference.to_string()).collect()
    };
    assert_eq!(list(None, 9).await, ["B", "_", "a", "b"]);
    assert_eq!(list(Some("_"), 1).await, ["a"]);
}

async fn a_token_is_found_by_its_hash_and_revoked_once(t: TestDb) {
    let token = Token {
        id: PrincipalId::random(),
        name: "reception".into(),
        roles: BTreeSet::from([Role::Ingest, Role::Trainer]),
        controller: provider(&t.db).await,
        class: Some(Class::Support),
        customer: None,
        source: Some("pbx".into()),
        lines: Some(BTreeSet::from(["201".to_owned()])),
        agent: Some("willem".into()),
        own_calls_only: true,
        created_at: at(0),
        expires_at: Some(at(HOUR)),
        revoked_at: None,
    };
    write!(t.db, |tx| tokens::insert(tx, &token, &[1; 32]));
    assert_eq!(tokens::find_by_hash(&t.db, &[1; 32]).await.unwrap(), Some(token.clone()));
    assert_eq!(tokens::find_by_hash(&t.db, &[2; 32]).await.unwrap(), None);
    assert!(write!(t.db, |tx| tokens::revoke(tx, token.id, at(5))));
    assert!(!write!(t.db, |tx| tokens::revoke(tx, token.id, at(6))));
    let listed = tokens::list(&t.db).await.unwrap();
    assert_eq!(listed, [Token { revoked_at: Some(at(5)), ..token }]);
}

async fn a_ticket_lasts_until_it_is_purged(t: TestDb) {
    let ticket = Ticket {
        recording: add(&t.db, recording(provider(&t.db).await, 0)).await.id,
        principal: PrincipalId::random(),
        purpose: Purpose::Evidence,
        case_id: Some("case-1".into()),
        expires_at: at(HOUR),
    };
    write!(t.db, |tx| tickets::insert(tx, &ticket, &[1; 32]));
    assert_eq!(tickets::find_by_hash(&t.db, &[1; 32]).await.unwrap(), Some(ticket));
    assert_eq!(write!(t.db, |tx| tickets::purge_expired(tx, at(HOUR - 1))), 0);
    assert_eq!(write!(t.db, |tx| tickets::purge_expired(tx, at(HOUR))), 1);
    assert_eq!(tickets::find_by_hash(&t.db, &[1; 32]).await.unwrap(), None);
}

async fn the_latest_time_seen_never_goes_back(t: TestDb) {
    let seen = async || guards::guard(&t.db).await.unwrap();
    assert_eq!(seen().await.last_seen, None);
    for n in [5, 3] {
        write!(t.db, |tx| guards::see_clock(tx, at(n)));
        assert_eq!(seen().await.last_seen, Some(at(5)));
    }
    assert!(write!(t.db, |tx| guards::pause(tx, "jumped forward", at(9))));
    assert!(!write!(t.db, |tx| guards::pause(tx, "again", at(10))));
    let guard = seen().await;
    assert_eq!(guard.paused_reason.as_deref(), Some("jumped forward"));
    assert_eq!(guard.paused_since, Some(at(9)));
    assert!(write!(t.db, |tx| guards::confirm(tx, at(4))));
    assert!(!write!(t.db, |tx| guards::confirm(tx, at(4))));
    let expected =
        guards::Guard { last_seen: Some(at(4)), paused_reason: None, paused_since: None };
    assert_eq!(seen().await, expected);
}

async fn a_run_that_was_stopped_waits_until_it_is_confirmed(t: TestDb) {
    assert!(write!(t.db, |tx| guards::stop_run(tx, "policy", 500, 50, at(1))));
    assert!(!write!(t.db, |tx| guards::stop_run(tx, "policy", 600, 50, at(2))));
    let brake = guards::brake(&t.db).await.unwrap();
    assert_eq!((brake.pending_count, brake.pending_since), (Some(600), Some(at(1))));
    assert!(write!(t.db, |tx| guards::confirm_run(tx, at(9))));
    assert!(!write!(t.db, |tx| guards::confirm_run(tx, at(9))));
    let brake = guards::brake(&t.db).await.unwrap();
    assert_eq!((brake.pending_reason, brake.confirmed_until), (None, Some(at(9))));
}

async fn facts_are_remembered(t: TestDb) {
    assert_eq!(facts::find(&t.db, "last_forgetting").await.unwrap(), None);
    for value in ["one", "two"] {
        write!(t.db, |tx| facts::set(tx, "last_forgetting", value));
    }
    assert_eq!(facts::find(&t.db, "last_forgetting").await.unwrap(), Some("two".into()));
}
