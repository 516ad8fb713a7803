//! What can go wrong in an operation of the vault: one variant per situation someone acts on.

use crate::model::{Cause, Class, Personal, RecordingId, Timestamp};
use crate::retention::{Keep, Refusal};
use crate::{audio, crypto, index, ledger, store};

/// Why an operation of the vault did not happen. No message holds personal data (I12).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none, or it is somebody else's: the two are told apart nowhere (I15).
    #[error("there is no such thing here")]
    NotFound,
    /// The token is unknown, expired or revoked.
    #[error("a valid token is required")]
    Unauthenticated,
    /// Nobody has this name with this password.
    #[error("name or password is wrong")]
    WrongCredentials,
    /// The password is right, and a code is needed too.
    #[error("this account has a second factor: send the code of the app too")]
    CodeRequired,
    /// Signing in failed too often.
    #[error("signing in failed too often; wait as long as Retry-After says and try again")]
    LockedOut(std::time::Duration),
    /// A password that somebody else knows has to be changed before anything else.
    #[error("change your password first: PUT /v1/account/password")]
    PasswordChangeRequired,
    /// Nobody changes what they may do themselves.
    #[error("this is your own account: somebody else has to change what it may do")]
    OwnAccount,
    /// Whoever signs in elsewhere is nobody here.
    #[error("{0}")]
    SignInRefused(&'static str),
    /// Where people sign in does not answer, or not as it must.
    #[error("the sign-in service does not answer as it must: {0}")]
    ProviderAway(&'static str),
    /// No role of the caller allows this operation.
    #[error("none of your roles allows this")]
    Forbidden,
    /// Content was asked for without saying what for.
    #[error("say what for: add purpose=training, evidence, own_use, rights or disclosure")]
    PurposeRequired,
    /// The purpose needs a case.
    #[error("this purpose needs the case it serves: add case=…")]
    CaseRequired,
    /// The purpose is not one of this caller for this recording.
    #[error("your roles do not allow this recording to be heard for this purpose")]
    PurposeNotAllowed,
    /// The term has ended.
    #[error("the retention term of this recording ended at {0}; it can no longer be heard")]
    PastDue(Timestamp),
    /// The audio is gone.
    #[error("this recording was erased")]
    Erased(Box<Gone>),
    /// The object is missing or damaged, and known to be.
    #[error("the audio of this recording was lost; the incident is in the ledger")]
    Lost,
    /// Something in an export is not what it was when the export was made.
    #[error("a recording in this export was erased, restricted or rectified since; make a new one")]
    ExportBroken,
    /// The caller heard as many recordings as there are in a day.
    #[error(
        "you heard {cap} different recordings for training today, which is the most in a day: those \
         you heard can be heard again, others after midnight; training.daily_cap sets it"
    )]
    DailyCap {
        /// How many.
        cap: u32,
        /// How long until there are more.
        wait: jiff::SignedDuration,
    },
    /// Its use is restricted.
    #[error("the use of this recording is restricted (GDPR art. 18); it is kept, not played")]
    Restricted,
    /// Parts of it are muted for the purpose.
    #[error("parts of this recording are muted for this purpose; ask for as=wav or as=opus")]
    Muted,
    /// The vault cannot decode it.
    #[error("this recording cannot be decoded ({0}); ask for as=original")]
    Unplayable(String),
    /// A field is missing, unknown in content or out of bounds.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// A text holds a number of somebody, where it would be neither sealed as numbers are nor masked.
    #[error(
        "{field}: holds what looks like {what}; write it without: numbers of people do not belong \
         in notes, tags and names"
    )]
    PersonalNumber {
        /// The field.
        field: &'static str,
        /// What it looks like.
        what: Personal,
    },
    /// It is somebody else's to change.
    #[error("somebody else made this: only they may change it")]
    NotYours,
    /// A part of a policy is not what it can be.
    #[error("{field}: {problem}")]
    Rule {
        /// Which part of which rule.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A rule is about something the customer does not have, as far as anybody knows.
    #[error("{field}: this {kind} is neither declared nor on any recording of this customer")]
    UnknownScope {
        /// Which part of which rule.
        field: String,
        /// The sort of scope.
        kind: &'static str,
    },
    /// What somebody saw is not what there is, or not what they ask for.
    #[error("this preview is stale or of another change: look again, and use its token")]
    StalePreview,
    /// A field nobody declared.
    #[error("{0} is no metadata field; undeclared fields are refused, never kept")]
    UnknownField(String),
    /// The request as a whole makes no sense.
    #[error("{0}")]
    Malformed(&'static str),
    /// The rules of the class refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An emergency call.
    #[error("calls to emergency numbers are not recorded; nothing was stored")]
    EmergencyCall,
    /// The customer has no recording service, or the source may not send for it.
    #[error("call recording is not switched on for this customer and source; nothing was stored")]
    NotSubscribed,
    /// The customer has not chosen a term.
    #[error("the customer has chosen no retention term, or has no agreement; nothing was stored")]
    NoPolicy,
    /// It is no audio.
    #[error("this is not audio the vault knows; nothing was stored")]
    NotAudio,
    /// It is larger than the vault takes.
    #[error("a recording is at most {max} bytes; nothing was stored")]
    TooLarge {
        /// The largest size taken.
        max: u64,
    },
    /// The upload broke off.
    #[error("the upload broke off before it was complete; nothing was stored")]
    Cut,
    /// The state of things does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// A rule that comes first keeps the recording.
    #[error("{}", kept(*.0, .1.as_deref()))]
    Kept(Keep, Option<String>),
    /// Its key is destroyed: there is nothing left to keep.
    #[error("this recording is past the point of no return of its erasing; nothing can keep it")]
    AlreadyErased,
    /// Somebody tried to agree to what only somebody else may agree to.
    #[error("a second person has to agree: not the one who asked, nor the one whose act it ends")]
    SecondPerson,
    /// Too much is going on.
    #[error("the vault is busy; try again shortly")]
    Busy,
    /// Erasing is paused until somebody confirms.
    #[error("{0}")]
    Paused(String),
    /// The disk of the index or the store is full.
    #[error("the disk is full; nothing was stored: make room and try again")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The index is away or too busy.
    #[error("the index is not available")]
    IndexAway(#[source] index::Error),
    /// The store is away, too busy or refuses.
    #[error("the object store is not available")]
    StoreAway(#[source] store::Error),
    /// The object of a recording is missing or not what was written: an incident.
    #[error("the object of this recording is missing or damaged")]
    Damaged(#[source] store::Error),
    /// The index failed in a way that is a defect, or refused a row.
    #[error("the index failed")]
    Index(#[source] index::Error),
    /// A key is missing or something does not open.
    #[error("a key operation failed")]
    Crypto(#[from] crypto::Error),
    /// Decoding failed in a way that is not the recording's fault.
    #[error("decoding failed")]
    Audio(#[source] audio::Error),
    /// The index was rolled back: entries that were signed are missing in it.
    #[error("the vault is in quarantine: {0}")]
    Quarantined(String),
    /// The ledger is not what was signed.
    #[error("the ledger was forked and writing has stopped: {0}")]
    Forked(String),
    /// Something of the ledger cannot be read, made or signed.
    #[error("the ledger failed")]
    Ledger(#[from] ledger::Error),
    /// A job inside the vault was lost.
    #[error("a job of the vault was lost")]
    Job(#[from] tokio::task::JoinError),
}

/// What is left to tell of an erased recording: the facts of its tombstone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gone {
    /// Which recording.
    pub id: RecordingId,
    /// Its class.
    pub class: Class,
    /// The policy it was kept under.
    pub policy: String,
    /// The hour by which it had to be gone.
    pub due_at: Timestamp,
    /// Why it is gone.
    pub cause: Option<Cause>,
    /// When its key was destroyed.
    pub key_destroyed_at: Option<Timestamp>,
    /// When its absence was verified.
    pub erased_at: Option<Timestamp>,
}

impl Error {
    /// The error and everything behind it, in one line: in JSON, too, the log must say why.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }

    /// Whether it came from the index: then a transaction may have taken effect all the same.
    pub(super) fn is_of_index(&self) -> bool {
        match self {
            Self::Index(_) | Self::IndexAway(_) => true,
            Self::Full(source) => source.is::<index::Error>(),
            _ => false,
        }
    }
}

/// Which rule keeps a recording, and what to do about it.
fn kept(keep: Keep, basis: Option<&str>) -> String {
    match keep {
        Keep::Held(kind) => {
            let kind = kind.as_str().replace('_', " ");
            format!("a hold ({kind}) keeps this recording; release it first")
        }
        Keep::Floor(until) => {
            let law = basis.unwrap_or("the law behind it");
            format!("the customer's minimum term keeps it until {until} ({law})")
        }
        Keep::Restricted(ground) => {
            format!("a restriction ({ground}) keeps this recording; lift it first")
        }
        Keep::NotDue => "its term has not ended".to_owned(),
    }
}

impl From<crate::model::PolicyError> for Error {
    fn from(error: crate::model::PolicyError) -> Self {
        let field = crate::model::field(error.place, error.part);
        Self::Rule { field, problem: error.problem.to_string() }
    }
}

impl From<index::Error> for Error {
    fn from(error: index::Error) -> Self {
        match error {
            index::Error::Unavailable(_) | index::Error::Renewed(_) => Self::IndexAway(error),
            index::Error::Full(_) => Self::Full(Box::new(error)),
            index::Error::Conflict(_) | index::Error::Migrate(_) | index::Error::Other(_) => {
                Self::Index(error)
            }
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Full(_) => Self::Full(Box::new(error)),
            store::Error::NotFound(_) | store::Error::Unfaithful => Self::Damaged(error),
            store::Error::Unavailable(_)
            | store::Error::Denied(_)
            | store::Error::Settings { .. }
            | store::Error::Other(_) => Self::StoreAway(error),
        }
    }
}

impl From<audio::Error> for Error {
    fn from(error: audio::Error) -> Self {
        match error {
            audio::Error::NotAudio => Self::NotAudio,
            error => Self::Audio(error),
        }
    }
}
