//! Which of several rules about one recording counts (compliance-reference C.1.6).
//!
//! A hold for an authority, the end of the service unless a restriction suspends it, a hold for a
//! legal claim, a customer's own hold, the floor that a law demands, a restriction that suspends,
//! what a person was granted, what the customer instructed, the term: the first that applies decides.
//! The end of the service comes before holds of the customer's own and floors: both are obligations
//! of the controller, who was handed everything (GDPR art. 28(3)(g)). The statements of `index::recordings::erasing` say the
//! same in SQL, and a test compares the two.

use crate::model::{Cause, Ground, HoldKind, Timestamp};

/// What is known of one recording at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The kinds of the open holds.
    pub holds: &'a [HoldKind],
    /// Until when a law behind the customer's floor demands it.
    pub floor_until: Option<Timestamp>,
    /// The grounds of the open restrictions.
    pub restrictions: &'a [Ground],
    /// Why people with the right to it want it erased now, if any do.
    pub asked: &'a [Cause],
    /// When its term ends.
    pub due_at: Timestamp,
    /// The moment.
    pub now: Timestamp,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(Keep),
    /// It goes, for this cause.
    Erase(Cause),
}

/// Why a recording stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A hold keeps it (I7).
    Held(HoldKind),
    /// A law demands it.
    Floor(Timestamp),
    /// A restriction suspends its erasing.
    Restricted(Ground),
    /// Its term has not ended, and nobody asked (I6).
    NotDue,
}

/// Decides.
#[must_use]
pub fn precedence(facts: &Facts<'_>) -> Verdict {
    let suspends = facts.restrictions.iter().filter(|ground| ground.suspends()).min();
    let ordered = facts.holds.contains(&HoldKind::AuthorityOrder);
    if facts.asked.contains(&Cause::EndOfService) && !ordered && suspends.is_none() {
        return Verdict::Erase(Cause::EndOfService);
    }
    // In the order of their declaration: an authority, a legal claim, the customer.
    if let Some(kind) = facts.holds.iter().min() {
        return Verdict::Keep(Keep::Held(*kind));
    }
    if let Some(until) = facts.floor_until.filter(|until| facts.now < *until) {
        return Verdict::Keep(Keep::Floor(until));
    }
    if let Some(ground) = suspends {
        return Verdict::Keep(Keep::Restricted(*ground));
    }
    let asked = facts.asked.iter().filter(|cause| **cause != Cause::Term);
    match asked.min_by_key(|cause| rank(**cause)) {
        Some(cause) => Verdict::Erase(*cause),
        None if facts.now >= facts.due_at => Verdict::Erase(Cause::Term),
        None => Verdict::Keep(Keep::NotDue),
    }
}

/// What a person was granted comes first, then what the customer instructed, then the term.
const fn rank(cause: Cause) -> u8 {
    match cause {
        Cause::Pci | Cause::Request | Cause::Objection | Cause::ConsentWithdrawn => 0,
        Cause::EndOfService | Cause::PolicyShortened => 1,
        Cause::Term => 2,
        Cause::Lost => 3,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000).unwrap()
    }

    /// What each rule alone says, the strongest first; the last two are told by the clock.
    #[test]
    fn every_combination_is_decided_by_the_strongest_rule_in_it() {
        let holds = [HoldKind::AuthorityOrder, HoldKind::LegalClaim, HoldKind::Customer];
        let mut cells = 0;
        for mask in 0..1_u32 << 10 {
            let has = |bit: u32| mask & (1 << bit) != 0;
            let kinds: Vec<_> =
                (0..).zip(holds).filter(|(bit, _)| has(*bit)).map(|(_, kind)| kind).collect();
            let grounds: Vec<_> = [(4, Ground::Claim), (5, Ground::ObjectionPending)]
                .into_iter()
                .filter(|(bit, _)| has(*bit))
                .map(|(_, ground)| ground)
                .collect();
            let asks =
                [(7, Cause::PolicyShortened), (6, Cause::Objection), (9, Cause::EndOfService)];
            let asked: Vec<_> =
                asks.into_iter().filter(|(bit, _)| has(*bit)).map(|(_, cause)| cause).collect();
            let facts = Facts {
                holds: &kinds,
                floor_until: has(3).then(|| at(10)),
                restrictions: &grounds,
                asked: &asked,
                due_at: at(if has(8) { 0 } else { 5 }),
                now: at(0),
            };
            let expected = match () {
                () if has(0) => Verdict::Keep(Keep::Held(HoldKind::AuthorityOrder)),
                () if has(9) && !has(4) => Verdict::Erase(Cause::EndOfService),
                () if has(1) => Verdict::Keep(Keep::Held(HoldKind::LegalClaim)),
                () if has(2) => Verdict::Keep(Keep::Held(HoldKind::Customer)),
                () if has(3) => Verdict::Keep(Keep::Floor(at(10))),
                () if has(4) => Verdict::Keep(Keep::Restricted(Ground::Claim)),
                // A pending objection keeps nothing: bit 5 decides nowhere.
                () if has(6) => Verdict::Erase(Cause::Objection),
                () if has(7) => Verdict::Erase(Cause::PolicyShortened),
                () if has(8) => Verdict::Erase(Cause::Term),
                () => Verdict::Keep(Keep::NotDue),
            };
            assert_eq!(precedence(&facts), expected, "{facts:?}");
            cells += 1;
        }
        assert_eq!(cells, 1024);
    }

    #[test]
    fn at_the_due_instant_each_ground_suspends_or_does_not() {
        let cases = [
            (Ground::Accuracy, true),
            (Ground::Unlawful, true),
            (Ground::Claim, true),
            (Ground::ObjectionPending, false),
        ];
        assert_eq!(cases.len(), Ground::ALL.len());
        for (ground, suspends) in cases {
            let facts = Facts {
                holds: &[],
                floor_until: None,
                restrictions: &[ground],
                asked: &[],
                due_at: at(0),
                now: at(0),
            };
            let expected = if suspends {
                Verdict::Keep(Keep::Restricted(ground))
            } else {
                Verdict::Erase(Cause::Term)
            };
            assert_eq!(precedence(&facts), expected, "{ground}");
        }
    }

    proptest! {
        #[test]
        fn time_alone_never_keeps_what_it_let_go_and_a_hold_always_keeps(
            holds in subsequence(HoldKind::ALL, 0..=3),
            grounds in subsequence(Ground::ALL, 0..=4),
            asked in subsequence(Cause::ALL, 0..=8),
            floor in proptest::option::of(-100..100_i64),
            due in -100..100_i64,
            later in 0..200_i64,
        ) {
            let facts = Facts {
                holds: &holds,
                floor_until: floor.map(at),
                restrictions: &grounds,
                asked: &asked,
                due_at: at(due),
                now: at(0),
            };
            let verdict = precedence(&facts);
            let then = precedence(&Facts {
                now: facts.now.plus(SignedDuration::from_secs(later)),
                ..facts
            });
            if matches!(verdict, Verdict::Erase(_)) {
                prop_assert_eq!(then, verdict);
            }
            let ends = asked.contains(&Cause::EndOfService);
            if holds.contains(&HoldKind::AuthorityOrder) || (!holds.is_empty() && !ends) {
                prop_assert!(matches!(verdict, Verdict::Keep(Keep::Held(_))));
            }
            if verdict == Verdict::Erase(Cause::Term) {
                prop_assert!(due <= 0, "nothing goes by its term before it ends (I6)");
            }
        }
    }
}
