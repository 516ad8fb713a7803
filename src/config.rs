//! The settings of a vault: built-in defaults, then a file, then the environment, then flags.
//!
//! Every key is listed in `config/callvault.toml`. A key nobody knows is an error that names it.
//! A secret can be given as `…_FILE` in the environment or `…_file` in the file: the path of a
//! file that holds it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::{Term, TimeZone};
use crate::retention::Schedule;
use crate::{store, vault};

/// Variables with our prefix that are not settings of the vault.
const NOT_SETTINGS: &[&str] = &["TOKEN", "URL", "TOOLS", "CORPUS", "CONFIG", "SPEECH"];

/// The keys that may be given as a file.
const SECRETS: &[(&str, &str)] = &[
    ("store", "secret_access_key"),
    ("store", "access_key_id"),
    ("index", "url"),
    ("keyring", "url"),
];

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
    /// Who the provider is.
    pub provider: ProviderIdentity,
    /// Logging.
    pub log: Log,
}

/// The API.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The largest recording taken in.
    pub max_body: ByteSize,
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
    /// Where months and years are counted.
    pub time_zone: String,
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
                max_body: ByteSize::gib(2),
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
                transfer_instrument: None,
            },
            keyring: Keyring { url: None, root_paths: None },
            retention: Retention {
                support_term: Term::days(90),
                support_metadata_term: Term::months(6),
                cooling_off: SignedDuration::from_hours(24),
                eraser_interval: SignedDuration::from_secs(30),
                time_zone: "Europe/Amsterdam".into(),
            },
            provider: ProviderIdentity {
                name: None,
                privacy_contact: None,
                statement_version: None,
            },
            log: Log { format: None },
        }
    }
}

impl Config {
    /// Reads the settings: defaults, `file` (or `config/callvault.toml` if it is there), the
    /// environment.
    pub fn load(file: Option<&Path>, environment: Vec<(String, String)>) -> Result<Self, Error> {
        let file = match file {
            Some(path) if !path.exists() => {
                let problem = format!("{} does not exist", path.display());
                return Err(Error::Value { key: "--config", problem });
            }
            Some(path) => path.to_owned(),
            None => "config/callvault.toml".into(),
        };
        let figment = Figment::from(Serialized::defaults(Self::default()))
            .merge(SecretFiles::of(Toml::file(file))?)
            .merge(SecretFiles::of(Environment(environment))?);
        let config: Self = figment.extract().map_err(|error| Error::Invalid(Box::new(error)))?;
        config.schedule()?;
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
            eraser_interval: positive("retention.eraser_interval", self.retention.eraser_interval)?,
            statement_version: self.provider.statement_version.clone(),
            location: vault::Location {
                country: self.store.country.clone(),
                instrument: self.store.transfer_instrument.clone(),
            },
        })
    }

    /// Refuses to run for real without what every recording refers to.
    pub fn check_provider(&self) -> Result<(), Error> {
        let keys = [
            ("provider.name", &self.provider.name),
            ("provider.privacy_contact", &self.provider.privacy_contact),
            ("provider.statement_version", &self.provider.statement_version),
        ];
        match keys.iter().find(|(_, value)| value.is_none()) {
            None => Ok(()),
            Some((key, _)) => {
                Err(Error::Value { key, problem: "is required; only the demo runs without".into() })
            }
        }
    }
}

fn positive(key: &'static str, value: SignedDuration) -> Result<std::time::Duration, Error> {
    std::time::Duration::try_from(value)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or(Error::Value { key, problem: "must be longer than nothing, such as PT30S".into() })
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

/// `CALLVAULT_<SECTION>__<KEY>` variables. Values are text, or JSON arrays.
struct Environment(Vec<(String, String)>);

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
            .interpolater(|_, keys| format!("CALLVAULT_{}", keys.join("__").to_uppercase()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (name, value) in &self.0 {
            let Some(name) = name.strip_prefix("CALLVAULT_") else { continue };
            if NOT_SETTINGS.contains(&name) {
                continue;
            }
            let value = if value.starts_with('[') {
                let list: Vec<String> = serde_json::from_str(value)
                    .map_err(|error| figment::Error::from(format!("CALLVAULT_{name}: {error}")))?;
                Value::from(list)
            } else {
                Value::from(value.clone())
            };
            let name = name.to_lowercase();
            match name.split_once("__") {
                None => drop(dict.insert(name, value)),
                Some((section, key)) => {
                    let entry =
                        dict.entry(section.to_owned()).or_insert_with(|| Dict::new().into());
                    if let Value::Dict(_, section) = entry {
                        section.insert(key.to_owned(), value);
                    }
                }
            }
        }
        Ok(Profile::Default.collect(dict))
    }
}

/// A provider whose `…_file` secrets have been read.
struct SecretFiles {
    metadata: Metadata,
    data: Map<Profile, Dict>,
}

impl SecretFiles {
    fn of(provider: impl Provider) -> Result<Self, Error> {
        let invalid = |error| Error::Invalid(Box::new(error));
        let mut data = provider.data().map_err(invalid)?;
        for dict in data.values_mut() {
            for (section, key) in SECRETS {
                let Some(Value::Dict(_, keys)) = dict.get_mut(*section) else { continue };
                let Some(path) = keys.remove(&format!("{key}_file")) else { continue };
                let path = path.as_str().unwrap_or_default().to_owned();
                let secret = std::fs::read_to_string(&path)
                    .map_err(|source| Error::Secret { key: format!("{section}.{key}"), source })?;
                keys.insert((*key).to_owned(), Value::from(secret.trim_end().to_owned()));
            }
        }
        Ok(Self { metadata: provider.metadata(), data })
    }
}

impl Provider for SecretFiles {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(self.data.clone())
    }
}

/// The environment of the process: the only place that reads it.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars().collect()
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
    fn lists_and_truths_can_stand_in_the_environment() {
        let variables = [
            ("CALLVAULT_KEYRING__ROOT_PATHS", r#"["/a/root.key","/b/root.key"]"#),
            ("CALLVAULT_STORE__ALLOW_HTTP", "true"),
            ("CALLVAULT_STORE__ACCESS_KEY_ID", "0012"),
        ];
        let config = load("", &variables).unwrap();
        assert_eq!(config.keyring_files().1.len(), 2);
        assert!(config.store.allow_http);
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
        let error = load("[retention]\ntime_zone = 'Mars/Olympus'", &[]).err().unwrap();
        assert!(error.contains("retention.time_zone"), "{error}");
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
