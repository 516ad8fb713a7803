//! Evidence packages: one person asks, another agrees, and what is handed out is on record.
//!
//! - here: asking, agreeing, and the record of who got what and promised to destroy it when
//! - `package`: what is in one, made when it is fetched

mod package;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::approvals::Ask;
use super::early::case_id;
use super::error::Error;
use super::fields::bad;
use super::holds::date;
use super::play::Wish;
use super::{Vault, ledger, must};
use crate::index::{Tx, approvals, evidence as rows, ledger_entries};
use crate::model::{
    Approval, ApprovalDecision, ApprovalKind, Caller, Cursor, Day, Event, EvidenceId,
    EvidencePackage, EvidenceState, Grant, Limit, Page, Purpose, RecordingId, Role, SheetLanguage,
    Timestamp,
};

pub use package::Package;

/// What the sealing of a recipient is bound to, beside whose it is and which package.
const LABEL: &str = "recipient";

/// How many days ahead a copy may be kept.
const LONGEST: i32 = 3_653;

/// A package that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewPackage {
    /// The case behind it.
    pub case: String,
    /// Who gets it.
    pub recipient: String,
    /// The day by which the recipient promised to destroy it.
    pub destroy_by: String,
    /// The language of the cover sheet: `nl` unless said.
    pub language: Option<String>,
}

/// A package, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageView {
    /// Its identifier.
    pub id: Uuid,
    /// The recording in it.
    pub recording: Uuid,
    /// `evidence` or `disclosure`.
    #[schema(value_type = String)]
    pub purpose: Purpose,
    /// The case behind it.
    pub case: String,
    /// Who gets it. Not shown to auditors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The day by which the recipient promised to destroy it.
    pub destroy_by: String,
    /// The language of the cover sheet.
    #[schema(value_type = String)]
    pub language: SheetLanguage,
    /// `asked`, `approved`, `handed_out` or `refused`.
    #[schema(value_type = String)]
    pub state: EvidenceState,
    /// Whether the day of the promise has passed and a copy is outside.
    pub overdue: bool,
    /// Who asked: a pseudonym.
    pub asked_by: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// Who agreed.
    pub approved_by: Option<Uuid>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub approved_at: Option<Timestamp>,
    /// How often it was fetched.
    pub handed_out: i32,
    /// When it was fetched last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub handed_out_at: Option<Timestamp>,
}

impl Vault {
    /// Asks for a package. Somebody else has to agree before there is one.
    pub async fn ask_evidence(
        &self,
        caller: &Caller,
        recording: RecordingId,
        new: &NewPackage,
    ) -> Result<PackageView, Error> {
        must(caller, Grant::AskEvidence)?;
        let case = case_id(&new.case)?;
        let recipient = new.recipient.trim();
        if recipient.is_empty()
            || recipient.chars().count() > 200
            || recipient.chars().any(char::is_control)
        {
            return Err(bad("recipient", "says who gets it, in at most 200 characters"));
        }
        let (now, day) = (self.0.clock.now(), date("destroy_by", &new.destroy_by)?);
        if day <= now.day() || day.0 - now.day().0 > LONGEST {
            return Err(bad("destroy_by", "is a day after today, at most ten years ahead"));
        }
        let language = match new.language.as_deref() {
            None => SheetLanguage::Nl,
            Some(word) => word.parse().map_err(|_| bad("language", "is nl or en"))?,
        };
        let evidence = caller.is(Role::Evidence);
        let purpose = if evidence { Purpose::Evidence } else { Purpose::Disclosure };
        let wish = Wish { recording, purpose: Some(purpose), case: Some(case.to_owned()) };
        self.hear(caller, &wish).await?;
        let (id, of) = (EvidenceId::random(), caller.controller);
        self.0.keys.ensure(&[of], &[Day::HOLD]).await?;
        let sealed =
            self.0.keys.seal_row(of, RecordingId(id.0), Day::HOLD, LABEL, recipient.as_bytes())?;
        let package = EvidencePackage {
            id,
            controller: of,
            recording,
            purpose,
            case_id: case.to_owned(),
            recipient: sealed,
            language,
            destroy_by: day,
            state: EvidenceState::Asked,
            asked_by: caller.id,
            asked_at: now,
            approved_by: None,
            approved_at: None,
            handed_out: 0,
            handed_out_at: None,
        };
        let kind = ApprovalKind::EvidencePackage;
        let mut tx = self.addition().await?;
        rows::insert(&mut tx, &package).await?;
        let ask = Ask { kind, subject: id.0, detail: None, besides: None };
        self.ask(&mut tx, caller, &ask).await?;
        tx.commit().await?;
        self.package_view(caller, &package)
    }

    /// Agrees to a package that somebody else asked for.
    pub async fn approve_evidence(
        &self,
        caller: &Caller,
        id: EvidenceId,
    ) -> Result<PackageView, Error> {
        must(caller, Grant::ApproveEvidence)?;
        rows::find(&self.0.index, caller.controller, id).await?.ok_or(Error::NotFound)?;
        let kind = ApprovalKind::EvidencePackage;
        let open = approvals::open(&self.0.index, kind, id.0).await?;
        let now = self.0.clock.now();
        let open = open.filter(|open| now < open.expires_at);
        let open = open.ok_or(Error::Conflict("this is no longer open; ask again"))?;
        self.approve_package(caller, &open).await?;
        self.evidence(caller, id).await
    }

    /// Agrees to what was asked for, and does it.
    pub(super) async fn approve_package(
        &self,
        caller: &Caller,
        approval: &Approval,
    ) -> Result<(), Error> {
        must(caller, Grant::ApproveEvidence)?;
        let id = EvidenceId(approval.subject);
        let mut tx = self.addition().await?;
        let found = rows::find(&mut tx, caller.controller, id).await?;
        let package = found.ok_or(Error::NotFound)?;
        let approved = ApprovalDecision::Approved;
        self.decide_approval(&mut tx, caller, approval, None, approved).await?;
        let now = self.0.clock.now();
        if !rows::approve(&mut tx, id, caller.id, now).await? {
            return Err(Error::Conflict("this is no longer open; ask again"));
        }
        let body = json!({
            "package": id, "by": package.asked_by, "agreed": caller.id, "case": package.case_id,
            "purpose": package.purpose, "destroy_by": package.destroy_by.to_string(),
        });
        let (of, about) = (package.controller, package.recording);
        let entry = ledger::about(of, now, Event::EvidenceApproved, about, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Says no to a package, with the approval that somebody asked for.
    pub(super) async fn refuse_package(tx: &mut Tx, approval: &Approval) -> Result<(), Error> {
        Ok(rows::refuse(tx, EvidenceId(approval.subject)).await?)
    }

    /// A package.
    pub async fn evidence(&self, caller: &Caller, id: EvidenceId) -> Result<PackageView, Error> {
        must(caller, Grant::SeeEvidence)?;
        let found = rows::find(&self.0.index, caller.controller, id).await?;
        self.package_view(caller, &found.ok_or(Error::NotFound)?)
    }

    /// The packages there are, those asked for last first.
    pub async fn evidences(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<PackageView>, Error> {
        must(caller, Grant::SeeEvidence)?;
        let limit = Limit::new(limit);
        let found = rows::list(&self.0.index, caller.controller, after, limit).await?;
        let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
        let next = found
            .last()
            .filter(|_| full)
            .map(|last| Cursor { started_at: last.asked_at, id: last.id.0 }.to_string());
        let items = found.iter().map(|package| self.package_view(caller, package));
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }

    fn package_view(
        &self,
        caller: &Caller,
        package: &EvidencePackage,
    ) -> Result<PackageView, Error> {
        let knows = caller.has(Grant::AskEvidence) || caller.has(Grant::ApproveEvidence);
        let recipient = if knows { Some(self.recipient(package)?) } else { None };
        let passed = package.destroy_by < self.0.clock.now().day();
        Ok(PackageView {
            id: package.id.0,
            recording: package.recording.0,
            purpose: package.purpose,
            case: package.case_id.clone(),
            recipient,
            destroy_by: package.destroy_by.to_string(),
            language: package.language,
            state: package.state,
            overdue: passed && package.state == EvidenceState::HandedOut,
            asked_by: package.asked_by.0,
            asked_at: package.asked_at,
            approved_by: package.approved_by.map(|by| by.0),
            approved_at: package.approved_at,
            handed_out: package.handed_out,
            handed_out_at: package.handed_out_at,
        })
    }

    fn recipient(&self, package: &EvidencePackage) -> Result<String, Error> {
        let (of, id) = (package.controller, RecordingId(package.id.0));
        let plain = self.0.keys.open_row(of, id, Day::HOLD, LABEL, &package.recipient)?;
        let text = std::str::from_utf8(&plain).map_err(|_| crate::crypto::Error::Open)?;
        Ok(text.to_owned())
    }
}
