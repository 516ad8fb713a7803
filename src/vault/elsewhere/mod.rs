//! Signing in elsewhere: `OpenID` Connect, authorization code with PKCE.
//!
//! The provider says who somebody is and in which groups; the settings say what those groups are
//! here. Whoever is in none of them is nobody here.
//!
//! - `provider`: asking the provider; `token`: what it answered, checked; here: what comes of it

mod provider;
mod token;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub use provider::{ElsewhereSettings, GroupRoles, Provider, Start};

use super::Vault;
use super::accounts::{NewAccount, entry};
use super::error::Error;
use super::tokens::Secret;
use crate::index::accounts::{self as rows, Account};
use crate::index::{ledger_entries, sessions};
use crate::model::{CustomerRef, Event, Role};
use token::Claims;

/// The longest name that is taken over.
const NAME: usize = 128;

/// What somebody is here, by what they are there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    roles: BTreeSet<Role>,
    customer: Option<CustomerRef>,
}

impl Vault {
    /// Signs somebody in whom the provider sent back with a code.
    pub async fn sign_in_elsewhere(
        &self,
        provider: &Provider,
        begun: &Start,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<Secret, Error> {
        let done = self.try_elsewhere(provider, begun, code, issuer).await;
        let outcome = match &done {
            Ok(_) => "in",
            Err(Error::SignInRefused(_)) => "refused",
            Err(_) => return done,
        };
        metrics::counter!("callvault_sign_in_total", "outcome" => outcome).increment(1);
        done
    }

    async fn try_elsewhere(
        &self,
        provider: &Provider,
        begun: &Start,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<Secret, Error> {
        let elapsed = self.0.clock.elapsed();
        let claims = provider.claims(begun, code, issuer, elapsed).await?;
        let standing = standing(provider.groups(), &claims.groups)?;
        let key = (provider.issuer().to_owned(), claims.subject.clone());
        let account = self.account_elsewhere(key, &claims, &standing).await?;
        let mut tx = self.change().await?;
        let account = rows::lock(&mut tx, account.id).await?;
        let account = account.filter(|account| account.disabled_at.is_none());
        let account = account.ok_or(Error::SignInRefused(DISABLED))?;
        let more = json!({ "how": "oidc" });
        let secret = self.start_session(&mut tx, &account, claims.second_factor, more).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// The account of whoever signs in elsewhere, with the name and the roles they have there now.
    async fn account_elsewhere(
        &self,
        key: (String, String),
        claims: &Claims,
        standing: &Standing,
    ) -> Result<Account, Error> {
        let name = shown(claims);
        let found = rows::find_by_subject(&self.0.index, &key.0, &key.1).await?;
        let Standing { roles, customer } = standing;
        let Some(found) = found else {
            return self.add_elsewhere(key, &name, roles, customer.as_ref()).await;
        };
        if found.customer != *customer {
            return Err(Error::SignInRefused(
                "you belong to another customer there than here: ask for your old account to be ended",
            ));
        }
        if found.roles == *roles && found.name == name {
            return Ok(found);
        }
        let wanted = NewAccount {
            name: name.clone(),
            roles: roles.clone(),
            customer: customer.clone(),
            ..NewAccount::default()
        };
        self.check_new(&wanted).await?;
        let mut tx = self.change().await?;
        let mut account = rows::lock(&mut tx, found.id).await?.ok_or(Error::NotFound)?;
        account.name = name;
        if account.roles != *roles {
            account.roles.clone_from(roles);
            let now = self.0.clock.now();
            let more = json!({ "roles": account.roles, "how": "oidc" });
            let entry = entry(&account, None, now, Event::AccountRolesChanged, more);
            ledger_entries::append(&mut tx, &[entry]).await?;
            sessions::end_all(&mut tx, account.id, None).await?;
        }
        rows::update(&mut tx, &account).await?;
        tx.commit().await?;
        Ok(account)
    }
}

const DISABLED: &str = "your account here is disabled: ask whoever looks after callvault";

/// What somebody is called, short and on one line.
fn shown(claims: &Claims) -> String {
    let words: Vec<_> = claims.name.split_whitespace().collect();
    let name: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let name = name.get(..end).unwrap_or_default();
    if name.is_empty() { "somebody".to_owned() } else { name.to_owned() }
}

/// What somebody in these groups is here.
fn standing(known: &[GroupRoles], groups: &BTreeSet<String>) -> Result<Standing, Error> {
    let mut standing = Standing::default();
    for group in known.iter().filter(|group| groups.contains(&group.value)) {
        standing.roles.extend(group.roles.iter().copied());
        if let Some(customer) = &group.customer {
            if standing.customer.as_ref().is_some_and(|other| other != customer) {
                return Err(Error::SignInRefused(
                    "your groups belong to two customers: one person acts for one of them",
                ));
            }
            standing.customer = Some(customer.clone());
        }
    }
    if standing.roles.is_empty() {
        return Err(Error::SignInRefused(
            "you are known, and none of your groups is anything here: ask whoever looks after callvault",
        ));
    }
    Ok(standing)
}

/// The values of a claim, which may lie deeper: `realm_access.roles`.
fn values(claims: &Value, path: &str) -> Option<BTreeSet<String>> {
    let found = claims
        .get(path)
        .or_else(|| path.split('.').try_fold(claims, |inside, step| inside.get(step)))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(match found {
        Value::Array(all) => all.iter().filter_map(text).collect(),
        Value::String(words) => words.split_whitespace().map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(value: &str, roles: &[Role], customer: Option<&str>) -> GroupRoles {
        GroupRoles {
            value: value.into(),
            roles: roles.iter().copied().collect(),
            customer: customer.map(|reference| reference.parse().unwrap()),
        }
    }

    fn groups(of: &[&str]) -> BTreeSet<String> {
        of.iter().map(|group| (*group).to_owned()).collect()
    }

    #[test]
    fn groups_add_up_and_whoever_is_in_none_is_nobody() {
        let known = [
            group("train", &[Role::Trainer], None),
            group("proof", &[Role::Evidence], None),
            group("acme", &[Role::CustomerListener], Some("acme")),
            group("globex", &[Role::CustomerListener], Some("globex")),
        ];
        let both = standing(&known, &groups(&["train", "proof", "other"])).unwrap();
        assert_eq!(both.roles, BTreeSet::from([Role::Trainer, Role::Evidence]));
        let acme = standing(&known, &groups(&["acme"])).unwrap();
        assert_eq!(acme.customer.unwrap().as_str(), "acme");
        assert!(standing(&known, &groups(&["other"])).is_err());
        assert!(standing(&known, &groups(&[])).is_err());
        assert!(standing(&known, &groups(&["acme", "globex"])).is_err());
    }

    #[test]
    fn a_claim_is_a_list_or_words_and_may_lie_deeper() {
        let claims =
            json!({"groups": ["a", 1, "b"], "words": "a b", "x": {"y": ["c"]}, "d.e": ["f"]});
        assert_eq!(values(&claims, "groups"), Some(groups(&["a", "b"])));
        assert_eq!(values(&claims, "words"), Some(groups(&["a", "b"])));
        assert_eq!(values(&claims, "x.y"), Some(groups(&["c"])));
        assert_eq!(values(&claims, "d.e"), Some(groups(&["f"])));
        assert_eq!(values(&claims, "x.z"), None);
        assert_eq!(values(&claims, "x"), Some(groups(&[])));
    }
}
