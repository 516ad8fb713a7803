//! The register of processing (GDPR art. 30), made from the running configuration.

use serde::Serialize;
use utoipa::ToSchema;

use super::error::Error;
use super::{Vault, must};
use crate::model::{Caller, Grant};

/// Who the provider is, as far as the register and certificates name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: Option<String>,
    /// Whom people write to about privacy.
    pub privacy_contact: Option<String>,
}

/// A text in two languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Both {
    /// In Dutch.
    pub nl: String,
    /// In English.
    pub en: String,
}

fn both(nl: impl Into<String>, en: impl Into<String>) -> Both {
    Both { nl: nl.into(), en: en.into() }
}

/// One processing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Processing {
    /// The class of the recordings.
    pub class: &'static str,
    /// `controller` (art. 30(1)) or `processor` (art. 30(2)).
    pub role: &'static str,
    /// The provider.
    pub provider: Option<String>,
    /// Whom people write to about privacy.
    pub privacy_contact: Option<String>,
    /// The version of the privacy statement.
    pub statement_version: Option<String>,
    /// What it is.
    pub name: Both,
    /// The ground.
    pub ground: Both,
    /// What for.
    pub purposes: Vec<Both>,
    /// Of whom.
    pub people: Vec<Both>,
    /// What data.
    pub data: Vec<Both>,
    /// How long the audio is kept (ISO 8601), if it is the same for all.
    pub term: Option<String>,
    /// How long the call details are kept.
    pub metadata_term: Option<String>,
    /// The terms in words.
    pub terms: Both,
    /// Who receives it.
    pub recipients: Vec<Both>,
    /// The country it is kept in (ISO 3166-1 alpha-2).
    pub country: String,
    /// What allows a country outside the EEA.
    pub transfer_instrument: Option<String>,
    /// How it is secured (art. 32).
    pub security: Vec<Both>,
}

impl Vault {
    /// The rows of the register.
    pub fn register(&self, caller: &Caller) -> Result<Vec<Processing>, Error> {
        must(caller, Grant::SeeCompliance)?;
        Ok(vec![self.support(), self.for_customers()])
    }

    fn processing(
        &self,
        class: &'static str,
        role: &'static str,
        name: Both,
        ground: Both,
    ) -> Processing {
        let settings = &self.0.settings;
        Processing {
            class,
            role,
            provider: settings.identity.name.clone(),
            privacy_contact: settings.identity.privacy_contact.clone(),
            statement_version: settings.statement_version.clone(),
            name,
            ground,
            purposes: Vec::new(),
            people: vec![
                both("bellers en gebelden", "people who call and who are called"),
                both("medewerkers", "staff"),
            ],
            data: vec![
                both("geluid van het gesprek", "the audio of the call"),
                both(
                    "gespreksgegevens: met wie, waar, wanneer, hoeveel",
                    "call details: who, where, when, how much",
                ),
            ],
            term: None,
            metadata_term: None,
            terms: both("", ""),
            recipients: Vec::new(),
            country: settings.location.country.clone(),
            transfer_instrument: settings.location.instrument.clone(),
            security: security(),
        }
    }

    fn support(&self) -> Processing {
        let schedule = &self.0.settings.schedule;
        let (term, details) =
            (schedule.support_term.to_string(), schedule.support_metadata_term.to_string());
        let row = self.processing(
            "support",
            "controller",
            both("Opnamen van supportgesprekken", "Recordings of support calls"),
            both("gerechtvaardigd belang", "legitimate interest"),
        );
        Processing {
            purposes: vec![
                both("training van supportmedewerkers", "training of support staff"),
                both("bewijs van gemaakte afspraken", "evidence of agreements"),
            ],
            terms: both(
                format!("geluid {term} na het gesprek, gespreksgegevens {details}"),
                format!("audio {term} after the call, call details {details}"),
            ),
            term: Some(term),
            metadata_term: Some(details),
            recipients: vec![
                both(
                    "trainers en bewijslezers van de aanbieder",
                    "the provider's trainers and evidence readers",
                ),
                both("toezichthouders en opsporing, op bevel", "authorities, when they order it"),
            ],
            ..row
        }
    }

    fn for_customers(&self) -> Processing {
        let row = self.processing(
            "customer",
            "processor",
            both("Opnamen in opdracht van klanten", "Recordings ordered by customers"),
            both("uitvoering overeenkomst", "performance of a contract"),
        );
        Processing {
            purposes: vec![both("eigen gebruik door de klant", "the customer's own use")],
            terms: both(
                "de termijn die de klant koos, binnen wettelijk minimum en maximum; gespreksgegevens gaan met het geluid",
                "the term the customer chose, within minimum and maximum; call details go with the audio",
            ),
            recipients: vec![
                both("de klant zelf", "the customer itself"),
                both("toezichthouders en opsporing, op bevel", "authorities, when they order it"),
            ],
            ..row
        }
    }
}

fn security() -> Vec<Both> {
    vec![
        both(
            "versleuteling per opname (AES-256-GCM), sleutels apart van de opslag",
            "encryption per recording (AES-256-GCM), keys apart from the store",
        ),
        both(
            "sleutels van verstreken dagen worden elke nacht vernietigd, ook voor reservekopieën",
            "keys of days that passed are destroyed every night, for backups too",
        ),
        both(
            "toegang naar rol en doel; elke beluistering in een controleerbaar grootboek",
            "access by role and purpose; every listening in a verifiable ledger",
        ),
        both(
            "telefoonnummers verzegeld en gemaskeerd getoond",
            "telephone numbers sealed, and shown masked",
        ),
    ]
}
