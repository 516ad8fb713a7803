//! `callvault demo`: fills an empty vault with example customers, people and spoken recordings, and
//! says what to try.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use jiff::SignedDuration;
use serde::Deserialize;

use super::open;
use crate::config::Config;
use crate::model::{Caller, Class, Clock, CustomerRef, PrincipalId, Role};
use crate::vault::{NewAccount, NewCustomer, NewToken, Vault};

/// Fills an empty vault with examples.
#[derive(Args)]
pub(super) struct Demo {
    /// The folder with the spoken recordings and their manifest.json.
    #[arg(long, env = "CALLVAULT_SPEECH", default_value = "target/demo-speech")]
    speech: PathBuf,
    /// Where the vault will be served, for the commands to try; `http.listen` unless said.
    #[arg(long)]
    url: Option<String>,
}

/// A recording of the manifest.
#[derive(Deserialize)]
struct Spoken {
    file: String,
    class: Class,
    #[serde(default)]
    customer: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    caller: Option<String>,
    #[serde(default)]
    callee: Option<String>,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    withheld: bool,
    days_ago: f64,
}

/// The example customers: reference, name, term.
const CUSTOMERS: &[(&str, &str, &str)] =
    &[("bakkerij-jansen", "Bakkerij Jansen", "P30D"), ("dental-dewit", "Dental De Wit", "P1Y")];

impl Demo {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        if !vault.is_empty().await? {
            eprintln!("this vault is not empty: it is left as it is");
            return Ok(ExitCode::SUCCESS);
        }
        let spoken = manifest(&self.speech)?;
        for (reference, name, term) in CUSTOMERS {
            vault
                .add_customer(NewCustomer {
                    reference: (*reference).parse::<CustomerRef>()?,
                    name: (*name).to_owned(),
                    agreement: Some("DEMO-2026-01".to_owned()),
                    term: Some(term.parse()?),
                    floor: None,
                    ceiling: None,
                    legal_basis: None,
                })
                .await?;
        }
        let people = People::create(&vault).await?;
        let mut kept = 0;
        for call in &spoken {
            take_in(&vault, &self.speech, call).await.with_context(|| call.file.clone())?;
            kept += 1;
        }
        let url = self.url.unwrap_or_else(|| address(config.http.listen));
        print!("{}", what_to_try(&url, &people, kept));
        Ok(ExitCode::SUCCESS)
    }
}

fn manifest(folder: &Path) -> Result<Vec<Spoken>> {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("{}: make the speech first with scripts/demo-speech.sh", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// Takes a spoken call in the way a PBX would send it.
async fn take_in(vault: &Vault, folder: &Path, call: &Spoken) -> Result<()> {
    let audio = tokio::fs::read(folder.join(&call.file)).await?;
    let ago = SignedDuration::try_from_secs_f64(call.days_ago * 86_400.0).context("days_ago")?;
    let ended_at = Clock::system().now().plus(-ago).to_string();
    let caller = source(vault);
    let mut intake = vault.intake(&caller)?;
    let fields = [
        ("class", Some(call.class.as_str())),
        ("customer", call.customer.as_deref()),
        ("direction", call.direction.as_deref()),
        ("ended_at", Some(ended_at.as_str())),
        ("caller", call.caller.as_deref()),
        ("callee", call.callee.as_deref()),
        ("withheld", call.withheld.then_some("true")),
        ("agent", call.agent.as_deref()),
        ("queue", call.queue.as_deref()),
        ("line", call.line.as_deref()),
        ("call_id", Some(call.file.as_str())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            intake.fields().add(name, value)?;
        }
    }
    intake.audio(stream::iter([Ok::<_, std::io::Error>(Bytes::from(audio))])).await?;
    intake.finish().await?;
    Ok(())
}

/// The example PBX.
fn source(vault: &Vault) -> Caller {
    Caller {
        id: crate::model::PrincipalId::random(),
        controller: vault.provider(),
        roles: BTreeSet::from([Role::Ingest]),
        ingest: crate::model::IngestScope {
            source: "demo-pbx".into(),
            ..crate::model::IngestScope::default()
        },
        lines: None,
        agent: None,
        own_calls_only: false,
    }
}

/// The tokens of the example people, and what they sign in with.
struct People {
    pbx: String,
    trainer: String,
    evidence: String,
    listener: String,
    compliance: String,
    sign_ins: String,
}

/// A token, and who holds it.
type Held = (PrincipalId, String);

impl People {
    async fn create(vault: &Vault) -> Result<Self> {
        let make = async |name: &str, role: Role, customer: Option<&str>| -> Result<Held> {
            let new = NewToken {
                name: name.to_owned(),
                roles: BTreeSet::from([role]),
                customer: customer.map(str::parse).transpose()?,
                class: None,
                lines: None,
                agent: None,
                own_calls_only: false,
                expires_at: None,
            };
            let (id, secret) = vault.create_token(&new).await?;
            Ok((id, secret.reveal().to_owned()))
        };
        let bakery = Some("bakkerij-jansen");
        let (_, pbx) = make("demo-pbx", Role::Ingest, None).await?;
        let (tess, trainer) = make("Tess, trainer", Role::Trainer, None).await?;
        let (emre, evidence) = make("Emre, evidence", Role::Evidence, None).await?;
        let (jan, listener) = make("Jan, bakkerij", Role::CustomerListener, bakery).await?;
        let (fatima, compliance) = make("Fatima, DPO", Role::Compliance, None).await?;
        let decides: &[Role] = &[Role::CustomerAdmin, Role::CustomerListener];
        let sign_ins = [
            sign_in(vault, "tess", "trainer", &[Role::Trainer], None, Some(tess)).await?,
            sign_in(vault, "emre", "evidence", &[Role::Evidence], None, Some(emre)).await?,
            sign_in(vault, "jan", "customer", decides, bakery, Some(jan)).await?,
            sign_in(vault, "fatima", "compliance", &[Role::Compliance], None, Some(fatima)).await?,
            sign_in(vault, "anouk", "auditor", &[Role::Auditor], None, None).await?,
            sign_in(vault, "olga", "operator", &[Role::Operator], None, None).await?,
        ];
        let sign_ins = sign_ins.join("\n");
        Ok(Self { pbx, trainer, evidence, listener, compliance, sign_ins })
    }
}

/// Makes an account with a password of its own and says how to sign in with it.
async fn sign_in(
    vault: &Vault,
    name: &str,
    what: &str,
    roles: &[Role],
    customer: Option<&str>,
    person: Option<PrincipalId>,
) -> Result<String> {
    let new = NewAccount {
        name: name.to_owned(),
        roles: roles.iter().copied().collect(),
        customer: customer.map(str::parse).transpose()?,
        person,
        ..NewAccount::default()
    };
    let (_, password) = vault.add_account(&new, None).await?;
    Ok(format!("#   {what:<12}{name:<10}{}", *password))
}

/// Where a browser on this machine finds what listens there.
fn address(mut listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{listen}")
}

/// The commands to try, for a shell. `scripts/run.sh` sets the address anew at every start.
fn what_to_try(url: &str, people: &People, kept: usize) -> String {
    let People { pbx, trainer, evidence, listener, compliance, sign_ins } = people;
    format!(
        r#"# The vault holds {kept} spoken recordings. Open {url}/ and sign in as
#
{sign_ins}
#
# or try, in another terminal:

export VAULT={url}
export PBX={pbx}
export TRAINER={trainer}
export EVIDENCE={evidence}
export LISTENER={listener}
export COMPLIANCE={compliance}

# what a trainer may know of, numbers masked
curl -s -H "Authorization: Bearer $TRAINER" "$VAULT/v1/recordings" | jq

# listen to the newest one, as WAV whatever the codec
ID=$(curl -s -H "Authorization: Bearer $TRAINER" "$VAULT/v1/recordings?limit=1" | jq -r '.items[0].id')
curl -s -H "Authorization: Bearer $TRAINER" "$VAULT/v1/recordings/$ID/audio?purpose=training&as=wav" -o listen.wav

# without a purpose nobody hears anything; somebody else's recording does not exist
curl -s -H "Authorization: Bearer $TRAINER" "$VAULT/v1/recordings/$ID/audio"; echo
curl -s -H "Authorization: Bearer $LISTENER" "$VAULT/v1/recordings/$ID"; echo

# send one, as a PBX does
curl -s -H "Authorization: Bearer $PBX" -F class=support -F direction=inbound -F ended_at=$(date -u +%FT%TZ) -F caller=0201234567 -F audio=@listen.wav "$VAULT/v1/recordings" | jq

# erase the one you heard early, with a case; then it is gone, and says so
curl -s -H "Authorization: Bearer $COMPLIANCE" -H 'Content-Type: application/json' -d '{{"cause":"request","case":"C-17"}}' "$VAULT/v1/recordings/$ID/erasure" | jq
curl -s -H "Authorization: Bearer $TRAINER" "$VAULT/v1/recordings/$ID/audio?purpose=training" | jq

# one recording reaches its 90 days seven minutes after the vault was filled: watch it go
curl -s -H "Authorization: Bearer $COMPLIANCE" "$VAULT/v1/recordings?state=audio_erased" | jq

# everything else, in a browser: {url}/docs
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_go_to_where_the_vault_listens() {
        for (listen, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:81", "http://127.0.0.1:81"),
            ("[::]:81", "http://[::1]:81"),
            ("192.0.2.1:80", "http://192.0.2.1:80"),
        ] {
            assert_eq!(address(listen.parse().unwrap()), url);
        }
    }
}
