//! Lists of recordings.

use callvault::index::Db;
use callvault::index::recordings::{self, Marks, Search, position, search};
use callvault::model::{Class, ControllerId, Direction, Limit, Recording, RecordingId, State};

use super::{DAY, HOUR, add, add_marked, at, marks, provider, recording, write};
use crate::backend::{TestDb, on_each_backend};

on_each_backend! {
    each_filter_keeps_what_it_names,
    a_number_is_found_on_either_side_once,
    pages_put_together_are_the_list,
    tombstones_are_listed_by_when_they_were_erased,
}

async fn found(db: &Db, wanted: &Search<'_>) -> Vec<RecordingId> {
    let page = search(db, wanted, Limit::new(Some(200))).await.unwrap();
    page.iter().map(|recording| recording.id).collect()
}

async fn each_filter_keeps_what_it_names(t: TestDb) {
    let provider = provider(&t.db).await;
    let mut odd = recording(provider, 10);
    odd.class = Class::Customer;
    odd.metadata.direction = Some(Direction::Internal);
    odd.metadata.agent = Some("b".into());
    odd.metadata.queue = Some("help".into());
    odd.metadata.line = Some("202".into());
    odd.metadata.duration_ms = Some(5);
    let odd = add(&t.db, odd).await.id;
    let plain = add(&t.db, recording(provider, 5)).await.id;
    let lost = add(&t.db, Recording { state: State::Lost, ..recording(provider, 1) }).await.id;
    let lines = ["202".to_owned(), "203".to_owned()];
    let all = Search::of(provider);
    let cases: &[(&str, Search<'_>, &[RecordingId])] = &[
        ("all, newest first", all, &[odd, plain, lost]),
        ("class", Search { class: Some(Class::Customer), ..all }, &[odd]),
        ("agent", Search { agent: Some("b"), ..all }, &[odd]),
        ("no such agent", Search { agent: Some("B"), ..all }, &[]),
        ("queue", Search { queue: Some("help"), ..all }, &[odd]),
        ("direction", Search { direction: Some(Direction::Internal), ..all }, &[odd]),
        ("lines", Search { lines: Some(&lines), ..all }, &[odd]),
        ("no lines at all", Search { lines: Some(&[]), ..all }, &[]),
        ("at least", Search { min_duration_ms: Some(60_000), ..all }, &[plain, lost]),
        ("at most", Search { max_duration_ms: Some(59_999), ..all }, &[odd]),
        ("from", Search { from: Some(at(5 - 60_000_000)), ..all }, &[odd, plain]),
        ("to", Search { to: Some(at(5 - 60_000_000)), ..all }, &[lost]),
        ("state", Search { state: Some(State::Lost), ..all }, &[lost]),
        ("somebody else's", Search::of(ControllerId::random()), &[]),
    ];
    for (name, wanted, expected) in cases {
        assert_eq!(&found(&t.db, wanted).await, expected, "{name}");
    }
}

async fn a_number_is_found_on_either_side_once(t: TestDb) {
    let provider = provider(&t.db).await;
    let number = [1; 32];
    let sides =
        |caller, callee| Marks { caller_blind: caller, callee_blind: callee, ..Marks::default() };
    let calling = sides(Some(number), Some([2; 32]));
    let first = add_marked(&t.db, recording(provider, 1), &calling).await.id;
    let called = sides(None, Some(number));
    let second = add_marked(&t.db, recording(provider, 2), &called).await.id;
    let both = sides(Some(number), Some(number));
    let third = add_marked(&t.db, recording(provider, 3), &both).await.id;
    let mut withheld = recording(provider, 4);
    withheld.metadata.withheld = true;
    add_marked(&t.db, withheld, &called).await;
    let mut later = recording(provider, 5);
    later.metadata.agent = Some("b".into());
    let later = add_marked(&t.db, later, &called).await.id;

    let all = Search { number: Some(&number), ..Search::of(provider) };
    assert_eq!(found(&t.db, &all).await, [later, third, second, first]);
    assert_eq!(found(&t.db, &Search { agent: Some("b"), ..all }).await, [later]);
    assert_eq!(found(&t.db, &Search { number: Some(&[9; 32]), ..all }).await, []);
    let top = search(&t.db, &all, Limit::new(Some(2))).await.unwrap();
    let next = Search { after: top.last().map(position), ..all };
    assert_eq!(found(&t.db, &next).await, [second, first]);
}

async fn pages_put_together_are_the_list(t: TestDb) {
    let provider = provider(&t.db).await;
    // Many calls begin at the same instant: the id decides their order.
    let mut expected = Vec::new();
    for n in 0..25 {
        let added = add(&t.db, recording(provider, n / 7)).await;
        expected.push((added.metadata.started_at, added.id));
    }
    expected.sort_unstable_by(|a, b| b.cmp(a));
    for limit in [1, 2, 7, 24, 25, 26] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let wanted = Search { after, ..Search::of(provider) };
            let page = search(&t.db, &wanted, Limit::new(Some(limit))).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(position(last));
            seen.extend(page.iter().map(|found| (found.metadata.started_at, found.id)));
        }
        assert_eq!(seen, expected, "pages of {limit}");
    }
}

async fn tombstones_are_listed_by_when_they_were_erased(t: TestDb) {
    let provider = provider(&t.db).await;
    let mut ids = Vec::new();
    for n in [1, 2, 3] {
        let id =
            add_marked(&t.db, recording(provider, 0), &marks(u8::try_from(n).unwrap())).await.id;
        write!(t.db, |tx| recordings::claim_due(tx, at(2 * DAY), 9));
        write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(2 * DAY)));
        write!(t.db, |tx| recordings::finish_erased(tx, &[id], at(n * HOUR), at(9 * DAY)));
        write!(t.db, |tx| recordings::bury(tx, &[id]));
        ids.insert(0, id);
    }
    assert_eq!(found(&t.db, &Search::of(provider)).await, [], "unless asked for");
    let wanted = Search { state: Some(State::Tombstone), ..Search::of(provider) };
    assert_eq!(found(&t.db, &wanted).await, ids);
    let first = search(&t.db, &wanted, Limit::new(Some(1))).await.unwrap();
    let rest = Search { after: first.last().map(position), ..wanted };
    assert_eq!(found(&t.db, &rest).await, ids.split_off(1));
}
