//! The settings of a vault: built-in defaults, then a file, then the environment, then flags.
//!
//! Every key is listed in `config/callvault.toml`. A key nobody knows is an error that names it.
//! A secret can be given as `…_FILE` in the environment or `…_file` in the file: the path of a
//! file that holds it.

mod sections;
mod signing_in;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::{Term, TimeZone, Timestamp};
use crate::retention::Schedule;
use crate::{store, vault};

pub use sections::{
    Http, Index, Keyring, Ledger, Log, LogFormat, Oidc, OidcGroup, ProviderIdentity, Retention,
    SignIn, Store, Training, Webhooks, WitnessAddress,
};
pub use sources::environment;
use sources::{Environment, SecretFiles};

/// Everything that can be set.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept that has no address of its own.
    pub data_dir: PathBuf,
    /// The API.
    pub http: Http,
    /// The index.
    pub index: Index,
    /// The object store.
    pub store: Store,
    /// The keyring.
    pub keyring: Keyring,
    /// Terms and timers.
    pub retention: Retention,
    /// What trainers are shown.
    pub training: Training,
    /// The logs that others can check.
    pub ledger: Ledger,
    /// Who the provider is.
    pub provider: ProviderIdentity,
    /// How people sign in.
    pub sign_in: SignIn,
    /// Where people sign in elsewhere.
    pub oidc: Oidc,
    /// Events that go out.
    pub webhooks: Webhooks,
    /// Logging.
    pub log: Log,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key is unknown, missing or of the wrong kind.
    #[error("{0}")]
    Invalid(Box<figment::Error>),
    /// A value is of the right kind and still wrong.
    #[error("{key}: {problem}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// A file named by a `…_file` key cannot be read.
    #[error("{key}_file: {source}")]
    Secret {
        /// The key.
        key: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "./data".into(),
            http: Http {
                listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
                public_url: None,
                max_body: ByteSize::gib(2),
                requests_per_second: 1000,
                header_timeout: SignedDuration::from_secs(30),
            },
            index: Index { url: None },
            store: Store {
                url: None,
                endpoint: None,
                region: None,
                access_key_id: None,
                secret_access_key: None,
                allow_http: false,
                country: "NL".into(),
                scrub_every: "P30D".into(),
                scrub_rate: ByteSize::mib(8),
                transfer_instrument: None,
            },
            keyring: Keyring { url: None, root_paths: None },
            retention: Retention {
                support_term: Term::days(90),
                support_metadata_term: Term::months(6),
                cooling_off: SignedDuration::from_hours(24),
                eraser_interval: SignedDuration::from_secs(30),
                renew_days: true,
                time_zone: "Europe/Amsterdam".into(),
            },
            training: Training { sample: 1.0, daily_cap: 40 },
            ledger: Ledger {
                origin: vault::LedgerSettings::default().origin,
                key_path: None,
                witnesses: Vec::new(),
            },
            provider: ProviderIdentity {
                name: None,
                privacy_contact: None,
                statement_version: None,
            },
            sign_in: SignIn {
                local: true,
                lasts: SignedDuration::from_hours(12),
                idle: SignedDuration::from_mins(30),
            },
            oidc: Oidc::default(),
            webhooks: Webhooks { allow_private: false },
            log: Log { format: None },
        }
    }
}

impl Config {
    /// Reads the settings: defaults, `file` (or `config/callvault.toml` if it is there), the
    /// environment.
    pub fn load(file: Option<&Path>, environment: Vec<(String, String)>) -> Result<Self, Error> {
        if let Some(file) = file.filter(|file| !file.exists()) {
            let problem = format!("{} does not exist", file.display());
            return Err(Error::Value { key: "--config", problem });
        }
        let usual = Path::new("config/callvault.toml");
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file.or(usual.exists().then_some(usual)) {
            figment = figment.merge(SecretFiles::of(Toml::file_exact(file))?);
        }
        let figment = figment.merge(SecretFiles::of(Environment(environment))?);
        let config: Self = figment.extract().map_err(|error| Error::Invalid(Box::new(error)))?;
        config.schedule()?;
        config.scrub()?;
        config.ledger()?;
        config.public_url()?;
        config.sign_in()?;
        config.provider_elsewhere()?;
        Ok(config)
    }

    /// Where the index is.
    #[must_use]
    pub fn index_url(&self) -> String {
        let default = || format!("sqlite:{}", self.data_dir.join("index.db").display());
        self.index.url.clone().unwrap_or_else(default)
    }

    /// Where the objects are.
    #[must_use]
    pub fn store(&self) -> store::Settings {
        let default = || format!("file:{}", self.data_dir.join("objects").display());
        store::Settings {
            url: self.store.url.clone().unwrap_or_else(default),
            endpoint: self.store.endpoint.clone(),
            region: self.store.region.clone(),
            access_key_id: self.store.access_key_id.clone(),
            secret_access_key: self.store.secret_access_key.clone().map(Into::into),
            allow_http: self.store.allow_http,
            ..store::Settings::default()
        }
    }

    /// Where the keyring is, when it is in a database.
    #[must_use]
    pub fn keyring_database(&self) -> Option<&str> {
        self.keyring.url.as_deref().filter(|url| url.starts_with("postgres"))
    }

    /// Where the keyring is, when it is in files: its folder and the replicas of the root.
    #[must_use]
    pub fn keyring_files(&self) -> (PathBuf, Vec<PathBuf>) {
        let folder = match self.keyring.url.as_deref() {
            Some(url) => PathBuf::from(url.strip_prefix("file:").unwrap_or(url)),
            None => self.data_dir.join("keyring"),
        };
        let roots = self.keyring.root_paths.clone();
        (folder, roots.unwrap_or_else(|| vec![self.data_dir.join("root.key")]))
    }

    /// The terms.
    pub fn schedule(&self) -> Result<Schedule, Error> {
        let zone = TimeZone::get(&self.retention.time_zone).map_err(|_| Error::Value {
            key: "retention.time_zone",
            problem: "is no IANA time zone, such as Europe/Amsterdam".into(),
        })?;
        Ok(Schedule {
            support_term: self.retention.support_term,
            support_metadata_term: self.retention.support_metadata_term,
            zone,
        })
    }

    /// What the vault itself needs to know.
    pub fn vault(&self) -> Result<vault::Settings, Error> {
        Ok(vault::Settings {
            schedule: self.schedule()?,
            max_body: self.http.max_body.as_u64(),
            cooling_off: self.retention.cooling_off,
            eraser_interval: positive("retention.eraser_interval", self.retention.eraser_interval)?,
            renew_days: self.retention.renew_days,
            scrub: self.scrub()?,
            training: self.training.settings(),
            statement_version: self.provider.statement_version.clone(),
            location: vault::Location {
                country: self.store.country.clone(),
                instrument: self.store.transfer_instrument.clone(),
            },
            allow_private_webhooks: self.webhooks.allow_private,
            identity: vault::Identity {
                name: self.provider.name.clone(),
                privacy_contact: self.provider.privacy_contact.clone(),
            },
            ledger: self.ledger()?,
            sign_in: self.sign_in()?,
        })
    }

    /// How long a client may take for the head of a request.
    pub fn header_timeout(&self) -> Result<std::time::Duration, Error> {
        positive("http.header_timeout", self.http.header_timeout)
    }

    /// How often and how fast objects are read.
    fn scrub(&self) -> Result<vault::ScrubSettings, Error> {
        let off = ["none", "0", ""].contains(&self.store.scrub_every.trim());
        let term = self.store.scrub_every.trim().parse::<Term>();
        let start = Timestamp::from_micros(0);
        let every = match (off, term, start) {
            (true, ..) => None,
            (false, Ok(term), Some(start)) => {
                Some(term.after(start, &self.schedule()?.zone).since(start))
            }
            _ => {
                let problem = "is a duration of whole days, such as P30D, or none".into();
                return Err(Error::Value { key: "store.scrub_every", problem });
            }
        };
        if self.store.scrub_rate.as_u64() == 0 {
            let problem = "is more than nothing, such as 8MiB (a second)".into();
            return Err(Error::Value { key: "store.scrub_rate", problem });
        }
        Ok(vault::ScrubSettings { every, rate: self.store.scrub_rate.as_u64() })
    }

    /// What the logs are called and who cosigns them.
    fn ledger(&self) -> Result<vault::LedgerSettings, Error> {
        let Ledger { origin, witnesses, .. } = &self.ledger;
        let problem = "is a name without spaces or plus, such as vault.example.nl/1";
        if !vault::is_log_name(origin) {
            return Err(Error::Value { key: "ledger.origin", problem: problem.into() });
        }
        let witness = |witness: &WitnessAddress| {
            let wrong = |problem| Error::Value { key: "ledger.witnesses", problem };
            let vkey = witness.vkey.parse().map_err(|error| wrong(format!("{error}")))?;
            Ok(vault::Witness { url: witness.url.clone(), vkey })
        };
        let witnesses = witnesses.iter().map(witness).collect::<Result<_, Error>>()?;
        Ok(vault::LedgerSettings { origin: origin.clone(), witnesses })
    }

    /// The key that signs the checkpoints.
    #[must_use]
    pub fn ledger_key(&self) -> PathBuf {
        self.ledger.key_path.clone().unwrap_or_else(|| self.data_dir.join("ledger.key"))
    }
}

fn positive(key: &'static str, value: SignedDuration) -> Result<std::time::Duration, Error> {
    std::time::Duration::try_from(value)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or(Error::Value { key, problem: "must be longer than nothing, such as PT30S".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("callvault.toml");
        std::fs::write(&file, toml).unwrap();
        let environment =
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::load(Some(&file), environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let toml = "data_dir = '/a'\n[http]\nlisten = '127.0.0.1:1'\nmax_body = '1MiB'";
        let variables = [("CALLVAULT_HTTP__LISTEN", "127.0.0.1:2"), ("CALLVAULT_TOKEN", "x")];
        let config = load(toml, &variables).unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.http.max_body, ByteSize::mib(1));
        assert_eq!(config.index_url(), "sqlite:/a/index.db");
        assert_eq!(config.retention.support_term, Term::days(90));
    }

    #[test]
    fn lists_truths_and_numbers_can_stand_in_the_environment() {
        let variables = [
            ("CALLVAULT_HTTP__REQUESTS_PER_SECOND", "0"),
            ("CALLVAULT_KEYRING__ROOT_PATHS", r#"["/a/root.key","/b/root.key"]"#),
            ("CALLVAULT_TRAINING__SAMPLE", "0.25"),
            ("CALLVAULT_TRAINING__DAILY_CAP", "0"),
            ("CALLVAULT_STORE__ALLOW_HTTP", "true"),
            ("CALLVAULT_STORE__ACCESS_KEY_ID", "0012"),
        ];
        let config = load("", &variables).unwrap();
        assert_eq!(config.keyring_files().1.len(), 2);
        assert!(config.store.allow_http);
        assert_eq!(config.http.requests_per_second, 0);
        assert_eq!((config.training.settings().sample, config.training.daily_cap), (250_000, 0));
        assert_eq!(config.store.access_key_id.as_deref(), Some("0012"));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = load("[http]\nlistne = 'x'", &[]).err().unwrap();
        assert!(error.contains("listne"), "{error}");
        let error = load("", &[("CALLVAULT_RETENTION__SUPORT_TERM", "P1D")]).err().unwrap();
        assert!(error.contains("suport_term"), "{error}");
        let error = load("[retention]\nsupport_term = 'forever'", &[]).err().unwrap();
        assert!(error.contains("support_term"), "{error}");
        let error = load("[training]\nsample = 1.5", &[]).err().unwrap();
        assert!(error.contains("training.sample") || error.contains("share"), "{error}");
        let error = load("[retention]\ntime_zone = 'Mars/Olympus'", &[]).err().unwrap();
        assert!(error.contains("retention.time_zone"), "{error}");
    }

    #[test]
    fn a_provider_without_a_name_is_no_provider() {
        let all = "[provider]\nname = 'N'\nprivacy_contact = 'p@example.nl'\nstatement_version = ";
        assert!(load(&format!("{all}'1'"), &[]).unwrap().check_provider().is_ok());
        let error = load(&format!("{all}' '"), &[]).unwrap().check_provider().err().unwrap();
        assert!(error.to_string().starts_with("provider.statement_version"), "{error}");
        assert!(load("", &[]).unwrap().check_provider().is_err());
    }

    #[test]
    fn a_secret_can_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "s3cr3t\n").unwrap();
        let path = secret.to_str().unwrap();
        let config = load("", &[("CALLVAULT_STORE__SECRET_ACCESS_KEY_FILE", path)]).unwrap();
        assert_eq!(config.store.secret_access_key.as_deref(), Some("s3cr3t"));
        let error = load("", &[("CALLVAULT_STORE__SECRET_ACCESS_KEY_FILE", "/nowhere")]);
        assert!(error.err().unwrap().contains("store.secret_access_key_file"));
    }
}
