//! Where settings come from beside the file: the environment, and files that hold a secret.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::Error;

/// Variables with our prefix that are not settings of the vault.
const NOT_SETTINGS: &[&str] = &["TOKEN", "URL", "TOOLS", "CORPUS", "CONFIG", "SPEECH"];

/// The keys that may be given as a file.
const SECRETS: &[(&str, &str)] = &[
    ("store", "secret_access_key"),
    ("store", "access_key_id"),
    ("index", "url"),
    ("keyring", "url"),
    ("oidc", "client_secret"),
];

/// `CALLVAULT_<SECTION>__<KEY>` variables. Values are text, or JSON arrays.
pub(super) struct Environment(pub(super) Vec<(String, String)>);

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
                let list: Vec<serde_json::Value> = serde_json::from_str(value)
                    .map_err(|error| figment::Error::from(format!("CALLVAULT_{name}: {error}")))?;
                Value::serialize(list)?
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
pub(super) struct SecretFiles {
    metadata: Metadata,
    data: Map<Profile, Dict>,
}

impl SecretFiles {
    pub(super) fn of(provider: impl Provider) -> Result<Self, Error> {
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
