//! The one access decision: may this caller hear this recording, for this purpose, now?

use super::caller::{Caller, Grant, Purpose, Role};
use super::recording::{Class, Recording, State};
use super::time::Timestamp;

/// Proof that the decision was made and was yes. Nothing else makes one, and no plaintext is
/// opened without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    purpose: Purpose,
}

impl Listening {
    /// What the listening is for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        self.purpose
    }
}

/// What the decision is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The recording.
    pub recording: &'a Recording,
    /// What it would be listened to for, if that was said.
    pub purpose: Option<Purpose>,
    /// Whether a case was named.
    pub case: bool,
    /// The time of asking.
    pub now: Timestamp,
}

/// The outcome of [`listen`].
pub type Decision = Result<Listening, Denied>;

/// Why a recording may not be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denied {
    /// The caller may not even know that it exists (I15).
    Unknown,
    /// No purpose was given.
    PurposeRequired,
    /// The purpose needs a case and none was named.
    CaseRequired,
    /// No role of the caller allows this purpose for this recording.
    NotAllowed,
    /// The audio is erased or being erased.
    Erased,
    /// The object is missing or damaged: an incident.
    Lost,
    /// Its term has ended (I1).
    PastDue,
    /// Its use is restricted (I2).
    Restricted,
}

/// Decides whether `caller` may hear the recording.
///
/// Default deny. Who may not know of it learns nothing; who has no right to it learns nothing of
/// its state; then come the gates that hold for everybody (I1, I2).
pub fn listen(caller: &Caller, subject: Subject<'_>) -> Decision {
    let Subject { recording, purpose, case, now } = subject;
    if !reaches(caller, recording) {
        return Err(Denied::Unknown);
    }
    let purpose = purpose.ok_or(Denied::PurposeRequired)?;
    if !caller.roles.iter().any(|role| serves(*role, recording.class, purpose)) {
        return Err(Denied::NotAllowed);
    }
    if purpose.needs_case() && !case {
        return Err(Denied::CaseRequired);
    }
    if purpose == Purpose::Training && !is_shown(caller, recording) {
        return Err(if caller.only_trains() { Denied::Unknown } else { Denied::NotAllowed });
    }
    gates(recording, purpose, now)?;
    if recording.objected && purpose == Purpose::Training {
        return Err(Denied::NotAllowed);
    }
    Ok(Listening { purpose })
}

/// Decides whether `caller` may take the recording along in an export of its own recordings.
///
/// That is own use, with the case that [`Grant::Export`] goes with; what nobody may hear at that
/// moment is not taken along either (I1, I2).
pub fn take_along(caller: &Caller, recording: &Recording, now: Timestamp) -> Decision {
    let purpose = Purpose::OwnUse;
    if !reaches(caller, recording) {
        return Err(Denied::Unknown);
    }
    if !caller.has(Grant::Export) || recording.class != Class::Customer {
        return Err(Denied::NotAllowed);
    }
    gates(recording, purpose, now)?;
    Ok(Listening { purpose })
}

/// Whether the caller may know that a recording exists.
///
/// For who only trains, one that somebody objected to is gone at once, and one outside the training
/// sample was never there.
#[must_use]
pub fn knows(caller: &Caller, recording: &Recording) -> bool {
    let trains = caller.only_trains();
    reaches(caller, recording) && !(trains && (recording.objected || !is_shown(caller, recording)))
}

/// Whether the caller is the agent who had the call.
#[must_use]
pub fn is_own_call(caller: &Caller, recording: &Recording) -> bool {
    let agent = caller.agent.as_deref();
    agent.is_some() && agent == recording.metadata.agent.as_deref()
}

/// Whether a recording is the caller's controller's, and within the lines and calls that the caller
/// is kept to.
fn reaches(caller: &Caller, recording: &Recording) -> bool {
    recording.controller == caller.controller
        && caller.reaches_line(recording.metadata.line.as_deref())
        && (!caller.own_calls_only || is_own_call(caller, recording))
}

/// Whether trainers are shown a recording: the sample, and to an agent the own calls.
fn is_shown(caller: &Caller, recording: &Recording) -> bool {
    recording.sampled || is_own_call(caller, recording)
}

/// The gates that hold for everybody (I1, I2).
fn gates(recording: &Recording, purpose: Purpose, now: Timestamp) -> Result<(), Denied> {
    match recording.state {
        State::Stored => {}
        State::Lost => return Err(Denied::Lost),
        State::Erasing | State::AudioErased | State::Tombstone => return Err(Denied::Erased),
    }
    if recording.restricted {
        return Err(Denied::Restricted);
    }
    if now >= recording.due_at && !(recording.held && purpose.opens_held()) {
        return Err(Denied::PastDue);
    }
    Ok(())
}

/// Whether a role exists to hear this class for this purpose.
///
/// A customer administrator listens only when given the listener's role too; compliance does not
/// play to check compliance; operators never hear anything.
const fn serves(role: Role, class: Class, purpose: Purpose) -> bool {
    matches!(
        (role, class, purpose),
        (Role::Trainer, Class::Support, Purpose::Training)
            | (Role::Evidence, Class::Support, Purpose::Evidence)
            | (Role::Legal, Class::Support, Purpose::Disclosure)
            | (Role::CustomerListener, Class::Customer, Purpose::OwnUse)
    )
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{
        ControllerId, Day, IngestScope, Metadata, PrincipalId, RecordingId, SealedKey,
    };

    const NOW: i64 = 1_800_000_000_000_000;

    pub(in super::super) fn time(offset_s: i64) -> Timestamp {
        Timestamp::from_micros(NOW + offset_s * 1_000_000).unwrap()
    }

    pub(in super::super) fn caller(role: Role, controller: ControllerId) -> Caller {
        Caller {
            id: PrincipalId::random(),
            controller,
            roles: BTreeSet::from([role]),
            ingest: IngestScope::default(),
            lines: None,
            agent: None,
            own_calls_only: false,
        }
    }

    pub(in super::super) fn recording(controller: ControllerId, class: Class) -> Recording {
        Recording {
            id: RecordingId::random(),
            controller,
            class,
            state: State::Stored,
            source: "pbx".into(),
            policy: "support/1".into(),
            metadata: Metadata { line: Some("201".into()), ..Metadata::default() },
            received_at: time(-3600),
            due_at: time(1),
            metadata_due_at: time(1000),
            held: false,
            restricted: false,
            ground: None,
            objected: false,
            sampled: true,
            annotated: false,
            muted: 0,
            mutes_version: 0,
            cause: None,
            case_id: None,
            key_destroyed_at: None,
            erased_at: None,
            key: SealedKey {
                wrap: None,
                day: Day(0),
                generation: 0,
                salt: vec![],
                commitment: vec![],
            },
        }
    }

    /// What can be the matter with a recording at the moment somebody asks.
    type Circumstance = (&'static str, fn(&mut Recording), Denied);

    const CIRCUMSTANCES: &[Circumstance] = &[
        ("erasing", |r| r.state = State::Erasing, Denied::Erased),
        ("erased", |r| r.state = State::AudioErased, Denied::Erased),
        ("tombstone", |r| r.state = State::Tombstone, Denied::Erased),
        ("lost", |r| r.state = State::Lost, Denied::Lost),
        ("past due", |r| r.due_at = time(-1), Denied::PastDue),
        ("due this instant", |r| r.due_at = time(0), Denied::PastDue),
        ("restricted", |r| r.restricted = true, Denied::Restricted),
        ("restricted and held", |r| (r.restricted, r.held) = (true, true), Denied::Restricted),
    ];

    /// The yes-cells of compliance-reference C.5; every other cell is no.
    const YES: &[(Role, Class, Purpose)] = &[
        (Role::Trainer, Class::Support, Purpose::Training),
        (Role::Evidence, Class::Support, Purpose::Evidence),
        (Role::Legal, Class::Support, Purpose::Disclosure),
        (Role::CustomerListener, Class::Customer, Purpose::OwnUse),
    ];

    #[test]
    fn every_cell_of_role_class_purpose_and_state_is_decided() {
        let controller = ControllerId::random();
        let mut cells = 0;
        for &role in Role::ALL {
            for &class in Class::ALL {
                for &purpose in Purpose::ALL {
                    let caller = caller(role, controller);
                    let mut plain = recording(controller, class);
                    let ask = |recording: &Recording, case: bool| {
                        let purpose = Some(purpose);
                        listen(&caller, Subject { recording, purpose, case, now: time(0) })
                    };
                    let served = YES.contains(&(role, class, purpose));
                    let expected =
                        if served { Ok(Listening { purpose }) } else { Err(Denied::NotAllowed) };
                    assert_eq!(ask(&plain, true), expected, "{role} {class} {purpose}");
                    for (name, change, denied) in CIRCUMSTANCES {
                        let mut changed = plain.clone();
                        change(&mut changed);
                        let expected = if served { *denied } else { Denied::NotAllowed };
                        assert_eq!(
                            ask(&changed, true),
                            Err(expected),
                            "{role} {class} {purpose} {name}"
                        );
                        cells += 1;
                    }
                    if served {
                        let no_case = ask(&plain, false);
                        assert_eq!(no_case.is_err(), purpose.needs_case(), "{purpose}");
                    }
                    plain.controller = ControllerId::random();
                    assert_eq!(ask(&plain, true), Err(Denied::Unknown), "somebody else's");
                }
            }
        }
        assert_eq!(cells, 9 * 2 * 5 * 8);
    }

    #[test]
    fn only_a_customers_administrator_takes_along_and_only_what_may_be_heard() {
        let controller = ControllerId::random();
        for &role in Role::ALL {
            for &class in Class::ALL {
                let caller = caller(role, controller);
                let plain = recording(controller, class);
                let ask = |recording: &Recording| take_along(&caller, recording, time(0));
                let may = role == Role::CustomerAdmin && class == Class::Customer;
                assert_eq!(ask(&plain).is_ok(), may, "{role} {class}");
                for (name, change, denied) in CIRCUMSTANCES {
                    let mut changed = plain.clone();
                    change(&mut changed);
                    let expected = if may { *denied } else { Denied::NotAllowed };
                    assert_eq!(ask(&changed), Err(expected), "{role} {class} {name}");
                }
                let stranger = Recording { controller: ControllerId::random(), ..plain };
                assert_eq!(ask(&stranger), Err(Denied::Unknown));
            }
        }
    }

    #[test]
    fn a_hold_opens_what_is_past_due_only_for_evidence_and_disclosure() {
        let controller = ControllerId::random();
        let (mut cells, mut open) = (0, Vec::new());
        for &role in Role::ALL {
            for &class in Class::ALL {
                for &purpose in Purpose::ALL {
                    let mut held = recording(controller, class);
                    (held.held, held.due_at) = (true, time(-1));
                    let subject = Subject {
                        recording: &held,
                        purpose: Some(purpose),
                        case: true,
                        now: time(0),
                    };
                    match listen(&caller(role, controller), subject) {
                        Ok(_) => open.push((role, class, purpose)),
                        Err(denied) if YES.contains(&(role, class, purpose)) => {
                            assert_eq!(denied, Denied::PastDue, "{role} {class} {purpose}");
                        }
                        Err(denied) => {
                            assert_eq!(denied, Denied::NotAllowed, "{role} {class} {purpose}");
                        }
                    }
                    cells += 1;
                }
            }
        }
        assert_eq!(cells, 9 * 2 * 5);
        assert_eq!(
            open,
            [
                (Role::Evidence, Class::Support, Purpose::Evidence),
                (Role::Legal, Class::Support, Purpose::Disclosure),
            ]
        );
    }

    #[test]
    fn an_objection_takes_a_recording_out_of_training_and_out_of_nothing_else() {
        let controller = ControllerId::random();
        let mut objected = recording(controller, Class::Support);
        objected.objected = true;
        let ask = |role, purpose| {
            let subject =
                Subject { recording: &objected, purpose: Some(purpose), case: true, now: time(0) };
            listen(&caller(role, controller), subject)
        };
        assert_eq!(ask(Role::Trainer, Purpose::Training), Err(Denied::NotAllowed));
        assert!(ask(Role::Evidence, Purpose::Evidence).is_ok());
    }

    #[test]
    fn a_listener_is_kept_to_its_lines_and_asked_for_a_purpose() {
        let controller = ControllerId::random();
        let recording = recording(controller, Class::Customer);
        let mut caller = caller(Role::CustomerListener, controller);
        let ask = |caller: &Caller, purpose| {
            listen(caller, Subject { recording: &recording, purpose, case: false, now: time(0) })
        };
        assert_eq!(ask(&caller, None), Err(Denied::PurposeRequired));
        caller.lines = Some(BTreeSet::from(["202".to_owned()]));
        assert_eq!(ask(&caller, Some(Purpose::OwnUse)), Err(Denied::Unknown));
        caller.lines = Some(BTreeSet::from(["201".to_owned()]));
        assert!(ask(&caller, Some(Purpose::OwnUse)).is_ok());
    }
}
