//! The decision about an upload: for whom, until when, new or known; and what is refused.

use bytes::Bytes;

use super::error::Error;
use super::fields::{Draft, bad};
use super::ingest::Ingested;
use super::policies::limits;
use super::sealing::{self, Sealed, Sealing};
use super::{Vault, content, ledger, mutes};
use crate::audio::{self, Analysis, Limits};
use crate::index::{self, recordings::SameCall};
use crate::model::{Caller, Class, ControllerId, Event, RecordingId, State, Term, Timestamp};
use crate::retention::{self, Dates, Refusal, Schedule};

/// How often a policy may change while one recording comes in.
const POLICY_CHANGES: usize = 5;

/// For whom and under which policy a recording is taken in.
pub(super) struct Target {
    pub(super) controller: ControllerId,
    pub(super) policy: String,
    pub(super) term: Option<Term>,
    /// Of a customer: which version of its policy that is, and between what its terms lie.
    pub(super) version: Option<(i32, retention::Limits)>,
}

impl Vault {
    /// Takes in a recording that fits in memory: analysed first, sealed once.
    pub(super) async fn accept_small(
        &self,
        caller: &Caller,
        draft: &Draft,
        plain: Vec<u8>,
    ) -> Result<Ingested, Error> {
        let target = self.target(caller, draft).await?;
        if let Some(ended_at) = draft.ended_at {
            self.dates(draft, &target, ended_at)?;
        }
        let permit = self.decoder().await?;
        let declared = draft.declared;
        let context = sealing::context(target.controller);
        let job = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let plain = Bytes::from(plain);
            let len = Some(plain.len() as u64);
            let head = plain.get(..64 * 1024).unwrap_or(&plain);
            audio::sniff(head, len, declared.as_ref())?;
            let source = Box::new(std::io::Cursor::new(plain.clone()));
            let analysis =
                audio::guarded(|| audio::analyse(source, declared.as_ref(), &Limits::default()))?;
            let (sealed, object) = sealing::seal_whole(context, &plain)?;
            Ok::<_, Error>((analysis, sealed, object))
        });
        let (analysis, sealed, object) = job.await??;
        let dates = self.dated(draft, &target, &analysis)?;
        if let Some(known) = self.same_upload(draft, &target, &sealed).await? {
            return self.known(caller, known).await;
        }
        self.0.store.put(context.recording, vec![object]).await?;
        self.keep(caller, draft, &target, &analysis, sealed, dates).await
    }

    /// Takes in a recording that is already in the store: analysed by reading it back.
    pub(super) async fn accept_large(
        &self,
        caller: &Caller,
        draft: &Draft,
        sealing: Sealing,
        rest: Vec<u8>,
    ) -> Result<Ingested, Error> {
        let id = sealing.context().recording;
        let target = match self.target(caller, draft).await {
            Ok(target) if target.controller == sealing.context().controller => target,
            Ok(_) => {
                sealing.abort().await;
                return Err(Error::Malformed(
                    "class and customer changed after the audio; send the fields first",
                ));
            }
            Err(error) => {
                sealing.abort().await;
                return Err(error);
            }
        };
        let sealed = sealing.finish(rest).await?;
        let result = async {
            let analysis = self.read_back(draft, &sealed).await?;
            let dates = self.dated(draft, &target, &analysis)?;
            Ok((analysis, dates, self.same_upload(draft, &target, &sealed).await?))
        };
        match result.await {
            Ok((analysis, dates, None)) => {
                self.keep(caller, draft, &target, &analysis, sealed, dates).await
            }
            Ok((_, _, Some(known))) => {
                self.discard(id).await;
                self.known(caller, known).await
            }
            Err(error) => {
                self.discard(id).await;
                Err(error)
            }
        }
    }

    /// Analyses an object in the store, off the async threads.
    async fn read_back(&self, draft: &Draft, sealed: &Sealed) -> Result<Analysis, Error> {
        let permit = self.decoder().await?;
        let source = content::source(&self.0.store, sealed)?;
        let declared = draft.declared;
        let job = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let limits = Limits::default();
            audio::guarded(|| audio::analyse(Box::new(source), declared.as_ref(), &limits))
        });
        Ok(job.await??)
    }

    /// For whom this upload is, if it may come in.
    pub(super) async fn target(&self, caller: &Caller, draft: &Draft) -> Result<Target, Error> {
        let scope = &caller.ingest;
        let lines_fit = scope
            .lines
            .as_ref()
            .is_none_or(|lines| draft.line.as_ref().is_some_and(|line| lines.contains(line)));
        if scope.class.is_some_and(|class| class != draft.class) || !lines_fit {
            return Err(Error::NotSubscribed);
        }
        if draft.class == Class::Support {
            if scope.customer.is_some() {
                return Err(Error::NotSubscribed);
            }
            if draft.customer.is_some() {
                return Err(bad("customer", "goes with class customer"));
            }
            let version = self.0.settings.statement_version.as_deref().unwrap_or("demo");
            let policy = format!("support/{version}");
            return Ok(Target { controller: self.0.provider, policy, term: None, version: None });
        }
        let customer = match (&draft.customer, scope.customer) {
            (Some(reference), _) => {
                index::controllers::find_customer(&self.0.index, reference).await?
            }
            (None, Some(bound)) => index::controllers::customer(&self.0.index, bound).await?,
            (None, None) => return Err(bad("customer", "is required")),
        };
        let customer = customer.ok_or(Error::NotSubscribed)?;
        if scope.customer.is_some_and(|bound| bound != customer.id) || !customer.takes_recordings()
        {
            return Err(Error::NotSubscribed);
        }
        if customer.term.is_none() || customer.agreement.is_none() {
            return Err(Error::NoPolicy);
        }
        // The customer may be newer than this node's keyring.
        self.0.keys.ensure(&[customer.id], &[]).await?;
        let rules = self.policy_in_force(&customer).await?;
        let term = rules.map(|rules| rules.term_for(&draft.call()));
        let policy = format!("customer/{}", customer.policy_version);
        let version = Some((customer.policy_version, limits(&customer)));
        Ok(Target { controller: customer.id, policy, term, version })
    }

    /// When it must be gone, if it may come in at all.
    pub(super) fn dates(
        &self,
        draft: &Draft,
        target: &Target,
        ended_at: Timestamp,
    ) -> Result<Dates, Refusal> {
        let schedule = &self.0.settings.schedule;
        let mut dates = schedule.dates(draft.class, ended_at, target.term);
        if let Some(((_, limits), term)) = target.version.zip(target.term) {
            let due_at = limits.due(term, ended_at, &schedule.zone);
            dates = Dates { due_at, metadata_due_at: due_at };
        }
        let now = self.0.clock.now();
        Schedule::check(draft.class, draft.direction, ended_at, dates, now)?;
        Ok(dates)
    }

    /// When the call ended and so when it must be gone, by the fields or by the sound itself.
    fn dated(
        &self,
        draft: &Draft,
        target: &Target,
        analysis: &Analysis,
    ) -> Result<(Timestamp, Dates), Error> {
        mutes::fit(&draft.pauses, analysis.duration_ms)?;
        let sound = analysis.duration_ms.and_then(|ms| i64::try_from(ms).ok());
        let ended_at = match (draft.ended_at, draft.started_at, sound) {
            (Some(ended_at), _, _) => ended_at,
            (None, Some(started_at), Some(ms)) => {
                started_at.plus(jiff::SignedDuration::from_millis(ms))
            }
            _ => {
                let problem = "is required: the duration of this audio is not known";
                return Err(bad("ended_at", problem));
            }
        };
        Ok((ended_at, self.dates(draft, target, ended_at)?))
    }

    /// Makes row, derived data and ledger entry durable; takes the object back if that fails.
    async fn keep(
        &self,
        caller: &Caller,
        draft: &Draft,
        target: &Target,
        analysis: &Analysis,
        sealed: Sealed,
        (ended_at, dates): (Timestamp, Dates),
    ) -> Result<Ingested, Error> {
        let id = sealed.context.recording;
        between_steps!("ingest.stored");
        let mut kept = self.write_rows(draft, target, analysis, &sealed, ended_at, dates).await;
        for _ in 0..POLICY_CHANGES {
            if !matches!(kept, Err(Error::StalePreview)) {
                break;
            }
            // Its customer's policy changed a moment ago: what comes in now is kept by the new one.
            kept = async {
                let target = self.target(caller, draft).await?;
                let dates = self.dates(draft, &target, ended_at)?;
                self.write_rows(draft, &target, analysis, &sealed, ended_at, dates).await
            }
            .await;
        }
        match kept {
            Ok(recording) => {
                metrics::counter!("callvault_ingest_bytes_total").increment(sealed.len);
                Ok(Ingested { recording: self.view(caller, &recording)?, new: true })
            }
            Err(Error::Index(index::Error::Conflict(_))) => {
                // The same upload came in twice at once, and the other one was first.
                self.discard(id).await;
                match self.same_upload(draft, target, &sealed).await? {
                    Some(known) => self.known(caller, known).await,
                    None => Err(Error::Conflict("the same recording came in at the same moment")),
                }
            }
            Err(error) => {
                // Whether a failed commit took effect is not known: the object stays then, and
                // reconciling tells an orphan from a recording.
                if !error.is_of_index() {
                    self.discard(id).await;
                }
                Err(error)
            }
        }
    }

    /// The recording that the same upload made before, if one did.
    async fn same_upload(
        &self,
        draft: &Draft,
        target: &Target,
        sealed: &Sealed,
    ) -> Result<Option<RecordingId>, Error> {
        let (call, content) = (self.call_key(draft, target)?, self.content_key(target, sealed)?);
        let same = index::recordings::same_call(&self.0.index, target.controller, &call).await?;
        if let Some(known) = same
            .iter()
            .find(|other| other.content_key.as_deref().is_some_and(|key| key == content.as_slice()))
        {
            return Ok(Some(known.id));
        }
        if draft.call_id.is_some() {
            may_come_beside(&same, sealed.len)?;
        }
        Ok(None)
    }

    /// Refuses again once the upload is in the ledger: the ledger's row is locked from there to the
    /// commit, so that of two uploads of one call at the same moment the second one sees the first.
    pub(super) async fn still_fits(
        &self,
        tx: &mut index::Tx,
        draft: &Draft,
        target: &Target,
        sealed: &Sealed,
    ) -> Result<(), Error> {
        if draft.call_id.is_none() {
            return Ok(());
        }
        let call = self.call_key(draft, target)?;
        let mut same = index::recordings::same_call(tx, target.controller, &call).await?;
        same.retain(|other| other.id != sealed.context.recording);
        may_come_beside(&same, sealed.len)
    }

    async fn known(&self, caller: &Caller, id: RecordingId) -> Result<Ingested, Error> {
        let recording = index::recordings::find(&self.0.index, id).await?.ok_or(Error::NotFound)?;
        self.catch_up([&recording]).await?;
        Ok(Ingested { recording: self.view(caller, &recording)?, new: false })
    }

    /// Takes an object back that no row will speak for.
    async fn discard(&self, id: RecordingId) {
        for (_, result) in self.0.store.delete(&[id]).await {
            if let Err(error) = result {
                tracing::warn!(%error, "an object of a refused upload stays until reconciling");
            }
        }
    }

    /// Puts a refusal that matters to the controller into the ledger, and hands the error on.
    pub(super) async fn refused(
        &self,
        caller: &Caller,
        draft: Option<&Draft>,
        at: Timestamp,
        error: Error,
    ) -> Error {
        self.came(caller, Err(&error));
        let reason = match &error {
            Error::Refused(Refusal::NotCovered) => "not_covered",
            Error::Refused(Refusal::Clock) => "clock",
            Error::Refused(Refusal::PastDue) => "past_due",
            Error::EmergencyCall => "emergency_call",
            Error::NotSubscribed => "not_subscribed",
            Error::NoPolicy => "no_policy",
            _ => return error,
        };
        let customer = match draft.and_then(|draft| draft.customer.as_ref()) {
            Some(reference) => index::controllers::find_customer(&self.0.index, reference).await,
            None => Ok(None),
        };
        let controller = match customer {
            Ok(Some(customer)) => customer.id,
            Ok(None) | Err(_) => caller.ingest.customer.unwrap_or(self.0.provider),
        };
        let body = serde_json::json!({ "reason": reason });
        let entry = ledger::general(controller, at, Event::IngestRefused, &body);
        match self.record(&[entry]).await {
            Ok(()) => error,
            Err(failed) => failed,
        }
    }

    /// Appends entries that go with no other change.
    pub(super) async fn record(
        &self,
        entries: &[index::ledger_entries::NewEntry],
    ) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        index::ledger_entries::append(&mut tx, entries).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Refuses a recording of this length beside others of the same call, with other audio.
///
/// A PBX that appends sends the same call again, longer. Without a call id two calls of one moment
/// look alike, and neither may be lost: then nobody asks.
fn may_come_beside(same: &[SameCall], len: u64) -> Result<(), Error> {
    let erased = |other: &SameCall| !matches!(other.state, State::Stored | State::Lost);
    if same.iter().any(erased) {
        return Err(Error::Conflict("the recording of this call was erased; it stays erased"));
    }
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let shorter = |other: &SameCall| {
        other.state != State::Lost && other.size_bytes.is_none_or(|size| size >= len)
    };
    if same.iter().any(shorter) {
        return Err(Error::Conflict(
            "this call and leg already have a recording with other audio, not a shorter one",
        ));
    }
    Ok(())
}
