//! The sections of the settings, key by key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::{CustomerRef, Role, Term};

/// The API.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address people reach it at, such as `https://vault.example.nl`, when there is a proxy.
    pub public_url: Option<String>,
    /// The largest recording taken in.
    pub max_body: ByteSize,
    /// How many requests a second one token may make; 0 for as many as it likes.
    #[serde(deserialize_with = "number")]
    pub requests_per_second: u32,
    /// How long a client may take for the head of a request, and how long a connection may idle.
    pub header_timeout: SignedDuration,
}

/// The index.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// `sqlite:path` or `postgres://…`.
    pub url: Option<String>,
}

/// The object store.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `file:path` or `s3://bucket/prefix`.
    pub url: Option<String>,
    /// The S3 endpoint, when it is not AWS.
    pub endpoint: Option<String>,
    /// The S3 region.
    pub region: Option<String>,
    /// The S3 access key.
    pub access_key_id: Option<String>,
    /// The S3 secret key.
    pub secret_access_key: Option<String>,
    /// Whether the endpoint may be plain HTTP.
    #[serde(deserialize_with = "truth")]
    pub allow_http: bool,
    /// The country the objects are in (ISO 3166-1 alpha-2).
    pub country: String,
    /// Every object is read and opened once in this time (`P30D`), or `none`.
    pub scrub_every: String,
    /// How much of it is read in a second at most.
    pub scrub_rate: ByteSize,
    /// What allows a country outside the EEA (GDPR chapter V).
    pub transfer_instrument: Option<String>,
}

/// The keyring.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyring {
    /// `file:path` or `postgres://…`, a database of its own.
    pub url: Option<String>,
    /// The root key, one path a replica (file keyring only).
    pub root_paths: Option<Vec<PathBuf>>,
}

/// Terms and timers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How long support recordings are kept.
    pub support_term: Term,
    /// How long their call details are kept.
    pub support_metadata_term: Term,
    /// How long a shortened term can be called back.
    pub cooling_off: SignedDuration,
    /// How often the eraser runs.
    pub eraser_interval: SignedDuration,
    /// Whether a day that a recording left early gets a new key before the nightly forgetting.
    #[serde(deserialize_with = "truth")]
    pub renew_days: bool,
    /// Where months and years are counted.
    pub time_zone: String,
}

/// What trainers are shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Which share of the support recordings, from 0 to 1.
    #[serde(deserialize_with = "share")]
    pub sample: f64,
    /// How many different recordings a person hears in a day; 0 for as many as there are.
    #[serde(deserialize_with = "number")]
    pub daily_cap: u32,
}

/// Who the provider is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderIdentity {
    /// Its name.
    pub name: Option<String>,
    /// Whom people write to about privacy.
    pub privacy_contact: Option<String>,
    /// The version of the privacy statement the support terms come from.
    pub statement_version: Option<String>,
}

/// How people sign in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Whether names and passwords of the vault count.
    #[serde(deserialize_with = "truth")]
    pub local: bool,
    /// How long somebody stays signed in, whatever they do.
    pub lasts: SignedDuration,
    /// How long somebody who does nothing stays signed in.
    pub idle: SignedDuration,
}

/// Where people sign in with `OpenID` Connect.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// What it is called, to people.
    pub name: String,
    /// Who it is; without one nobody signs in elsewhere.
    pub issuer: Option<String>,
    /// What it calls this vault.
    pub client_id: Option<String>,
    /// What this vault shows it.
    pub client_secret: Option<String>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim with somebody's groups.
    pub groups_claim: String,
    /// What those are here.
    pub groups: Vec<OidcGroup>,
}

/// What a group is here.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcGroup {
    /// The group, as the provider calls it.
    pub value: String,
    /// What its members are.
    pub roles: BTreeSet<Role>,
    /// Whose people they are, if a customer's.
    #[serde(default)]
    pub customer: Option<CustomerRef>,
}

/// Events that go out.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether they may go to addresses that are not public, and to this machine.
    #[serde(deserialize_with = "truth")]
    pub allow_private: bool,
}

/// The logs that others can check.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// What every log's name begins with. It cannot change later.
    pub origin: String,
    /// The key that signs the checkpoints.
    pub key_path: Option<PathBuf>,
    /// Who is asked to cosign them.
    pub witnesses: Vec<WitnessAddress>,
}

/// A witness (C2SP tlog-witness).
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessAddress {
    /// Its address; `/add-checkpoint` follows.
    pub url: String,
    /// The key its cosignatures are checked with.
    pub vkey: String,
}

/// Logging.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`; by default text on a terminal.
    pub format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, an object a line.
    Json,
}

/// A truth value, also as the word an environment variable can hold.
fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Bool(bool),
        Word(String),
    }
    match Truth::deserialize(deserializer)? {
        Truth::Bool(value) => Ok(value),
        Truth::Word(word) => {
            word.parse().map_err(|_| serde::de::Error::custom("must be true or false"))
        }
    }
}

/// A number from 0 to 1, also as the text an environment variable holds.
fn share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Share {
        Number(f64),
        Text(String),
    }
    let share = match Share::deserialize(deserializer)? {
        Share::Number(value) => Some(value),
        Share::Text(text) => text.parse().ok(),
    };
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| serde::de::Error::custom("must be a share from 0 to 1, such as 0.2"))
}

/// A whole number, also as the text an environment variable holds.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u32),
        Text(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Number(value) => Ok(value),
        Number::Text(text) => {
            text.parse().map_err(|_| serde::de::Error::custom("must be a whole number"))
        }
    }
}
