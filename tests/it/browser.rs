//! A browser that signs in: a cookie, and the token of a page.

use axum::http::Request;
use callvault::crypto::OneTime;
use callvault::model::Role;
use callvault::vault::NewAccount;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::harness::{TestRequest, TestResponse, TestVault};

/// The password of everybody in the tests.
pub(crate) const PASSWORD: &str = "fiets kano tulp 8";

/// Somebody who is signed in.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    pub(crate) view: Value,
}

/// Makes an account of acme for customer roles, of the provider for others, and gives its id.
pub(crate) async fn account(vault: &TestVault, name: &str, roles: &[Role]) -> String {
    account_of(vault, name, roles, "acme").await
}

pub(crate) async fn account_of(
    vault: &TestVault,
    name: &str,
    roles: &[Role],
    customer: &str,
) -> String {
    let of_customer = roles.iter().any(|role| role.is_customers());
    let new = NewAccount {
        name: name.into(),
        roles: roles.iter().copied().collect(),
        customer: of_customer.then(|| customer.parse().unwrap()),
        ..NewAccount::default()
    };
    let password = Some(Zeroizing::new(PASSWORD.to_owned()));
    vault.vault.add_account(&new, password).await.unwrap().0.id.to_string()
}

/// Tries to sign in.
pub(crate) async fn try_to(vault: &TestVault, body: Value) -> TestResponse {
    vault.post("/v1/session").json(&body).send().await
}

/// Signs in.
pub(crate) async fn sign_in(vault: &TestVault, name: &str) -> Browser {
    sign_in_with(vault, json!({"name": name, "password": PASSWORD})).await
}

pub(crate) async fn sign_in_with(vault: &TestVault, body: Value) -> Browser {
    let answer = try_to(vault, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let view = answer.json();
    Browser { cookie, csrf: view["csrf"].as_str().unwrap().to_owned(), view }
}

impl Browser {
    /// A request of a page of the vault.
    pub(crate) fn ask(&self, vault: &TestVault, method: &str, path: &str) -> TestRequest {
        vault
            .request(Request::builder().method(method).uri(path))
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
    }

    pub(crate) async fn get(&self, vault: &TestVault, path: &str) -> TestResponse {
        self.ask(vault, "GET", path).send().await
    }

    pub(crate) async fn post(&self, vault: &TestVault, path: &str, body: Value) -> TestResponse {
        self.ask(vault, "POST", path).json(&body).send().await
    }

    pub(crate) async fn send(
        &self,
        vault: &TestVault,
        method: &str,
        path: &str,
        body: Value,
    ) -> TestResponse {
        self.ask(vault, method, path).json(&body).send().await
    }

    /// Switches a second factor on and gives it.
    pub(crate) async fn second_factor(&self, vault: &TestVault) -> OneTime {
        let made = self.post(vault, "/v1/account/second-factor", json!({})).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let secret = made.json()["secret"].as_str().unwrap().to_owned();
        assert!(made.json()["uri"].as_str().unwrap().contains(&secret));
        let bytes = base32(&secret);
        let app = OneTime::new(&bytes, "any", "any").unwrap();
        let code = app.code(seconds(vault));
        let on = self.send(vault, "PUT", "/v1/account/second-factor", json!({"code": code})).await;
        assert_eq!(on.status, 204, "{}", on.text());
        app
    }
}

/// The time by the vault's clock.
pub(crate) fn seconds(vault: &TestVault) -> u64 {
    u64::try_from(vault.clock.now().micros() / 1_000_000).unwrap()
}

/// What an app makes of a secret that is typed.
fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("{text}"),
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    bytes
}
