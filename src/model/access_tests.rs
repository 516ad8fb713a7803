//! Agents and the training sample: who is shown what.

use super::access::tests::{caller, recording, time};
use super::access::{Denied, Subject, is_own_call, knows, listen};
use super::{Class, ControllerId, Purpose, Role};

/// Whose call it is, whether it is in the sample, whether the caller is kept to own calls; then what
/// a trainer, a trainer who reads evidence too, and a customer's listener may.
type Cell = (&'static str, Option<&'static str>, bool, bool, [Option<Denied>; 3]);

const UNKNOWN: Option<Denied> = Some(Denied::Unknown);
const NOT_ALLOWED: Option<Denied> = Some(Denied::NotAllowed);

/// The agent of the call, the caller's name as an agent, in the sample?, own calls only?
const CELLS: &[Cell] = &[
    ("a colleague's, in the sample", Some("mieke"), true, false, [None, None, None]),
    ("a colleague's, not in it", Some("mieke"), false, false, [UNKNOWN, NOT_ALLOWED, None]),
    ("the own, not in the sample", Some("willem"), false, false, [None, None, None]),
    ("the own, in it", Some("willem"), true, false, [None, None, None]),
    ("nobody's, in the sample", None, true, false, [None, None, None]),
    ("nobody's, not in it", None, false, false, [UNKNOWN, NOT_ALLOWED, None]),
    ("a colleague's, kept to own", Some("mieke"), true, true, [UNKNOWN, UNKNOWN, UNKNOWN]),
    ("nobody's, kept to own", None, true, true, [UNKNOWN, UNKNOWN, UNKNOWN]),
    ("the own, kept to own", Some("willem"), false, true, [None, None, None]),
];

#[test]
fn an_agent_hears_own_calls_and_a_trainer_the_sample() {
    let controller = ControllerId::random();
    for (what, agent, sampled, own_calls_only, expected) in CELLS {
        let people: [(&[Role], Class, Purpose); 3] = [
            (&[Role::Trainer], Class::Support, Purpose::Training),
            (&[Role::Trainer, Role::Evidence], Class::Support, Purpose::Training),
            (&[Role::CustomerListener], Class::Customer, Purpose::OwnUse),
        ];
        for ((roles, class, purpose), expected) in people.into_iter().zip(expected) {
            let mut call = recording(controller, class);
            call.metadata.agent = agent.map(str::to_owned);
            call.sampled = *sampled;
            let mut person = caller(roles[0], controller);
            person.roles = roles.iter().copied().collect();
            person.agent = Some("willem".into());
            person.own_calls_only = *own_calls_only;
            let subject =
                Subject { recording: &call, purpose: Some(purpose), case: false, now: time(0) };
            assert_eq!(listen(&person, subject).err(), *expected, "{what} {roles:?}");
            // Who may not know of it is not told that it is there.
            assert_eq!(knows(&person, &call), *expected != UNKNOWN, "{what} {roles:?}");
            assert_eq!(is_own_call(&person, &call), *agent == Some("willem"), "{what}");
        }
    }
}

#[test]
fn evidence_sees_all_and_a_caller_without_a_name_has_no_own_calls() {
    let controller = ControllerId::random();
    let mut call = recording(controller, Class::Support);
    (call.sampled, call.metadata.agent) = (false, None);
    let reader = caller(Role::Evidence, controller);
    let purpose = Some(Purpose::Evidence);
    let subject = Subject { recording: &call, purpose, case: true, now: time(0) };
    assert!(listen(&reader, subject).is_ok());
    let mut nobody = caller(Role::Trainer, controller);
    assert!(!is_own_call(&nobody, &call), "no name is not the same name");
    nobody.own_calls_only = true;
    assert!(!knows(&nobody, &call));
}

#[test]
fn an_objection_hides_an_own_call_from_its_agent_too() {
    let controller = ControllerId::random();
    let mut call = recording(controller, Class::Support);
    (call.objected, call.metadata.agent) = (true, Some("willem".into()));
    let mut agent = caller(Role::Trainer, controller);
    agent.agent = Some("willem".into());
    assert!(!knows(&agent, &call));
    let purpose = Some(Purpose::Training);
    let subject = Subject { recording: &call, purpose, case: false, now: time(0) };
    assert_eq!(listen(&agent, subject), Err(Denied::NotAllowed));
}
