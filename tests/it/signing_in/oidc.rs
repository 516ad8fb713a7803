//! People sign in with a real `OpenID` provider (npm `oidc-provider`), and are here what their groups
//! there say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use axum::http::{HeaderMap, StatusCode};
use callvault::http::{App, router};
use callvault::model::Role;
use callvault::vault::{ElsewhereSettings, GroupRoles, Provider};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::browser::Browser;
use crate::harness::{SUPPORT, TestResponse, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    somebody_signs_in_elsewhere_and_is_what_the_groups_say,
    whoever_is_in_no_group_is_nobody_here,
    only_the_browser_that_began_it_comes_back_and_only_once,
    what_changes_there_changes_here_and_who_is_disabled_stays_out,
}

/// Where the provider sends people back to.
const BACK: &str = "http://127.0.0.1:9/v1/oidc/callback";

/// A provider that runs until the test ends.
struct Office {
    _child: Child,
    issuer: String,
    http: reqwest::Client,
}

impl Office {
    async fn open() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
        assert!(folder.join("node_modules").is_dir(), "run scripts/install.sh test first");
        let port = {
            let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            free.local_addr().unwrap().port().to_string()
        };
        let mut command = Command::new("node");
        command.args(["provider.mjs", &port, BACK]).current_dir(&folder).kill_on_drop(true);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.next_line().await.unwrap().unwrap();
        assert!(said.starts_with("listening"), "{said}");
        // What it says later has to go somewhere, or it ends.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let none = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(none).build().unwrap();
        Self { _child: child, issuer: format!("http://127.0.0.1:{port}"), http }
    }

    fn settings(&self) -> ElsewhereSettings {
        let group = |value: &str, role: Role, customer: Option<&str>| GroupRoles {
            value: value.into(),
            roles: BTreeSet::from([role]),
            customer: customer.map(|reference| reference.parse().unwrap()),
        };
        ElsewhereSettings {
            name: "office".into(),
            issuer: self.issuer.clone(),
            client_id: "callvault".into(),
            client_secret: Some(Zeroizing::new("a secret: with/odd+letters".into())),
            redirect: BACK.into(),
            scopes: vec!["profile".into(), "groups".into()],
            groups_claim: "groups".into(),
            groups: vec![
                group("callvault-trainers", Role::Trainer, None),
                group("acme-listeners", Role::CustomerListener, Some("acme")),
                group("globex-listeners", Role::CustomerListener, Some("globex")),
            ],
        }
    }

    /// Has this person be the next who signs in.
    async fn next_is(&self, name: &str) {
        self.http.get(format!("{}/as/{name}", self.issuer)).send().await.unwrap();
    }

    /// Goes through the provider with a browser of its own, to where it sends people back.
    async fn go_through(&self, from: &str) -> String {
        let (mut at, mut cookies) = (from.to_owned(), BTreeMap::new());
        for _ in 0..12 {
            let sent = cookies.iter().map(|(name, value)| format!("{name}={value}"));
            let sent = sent.collect::<Vec<_>>().join("; ");
            let answer = self.http.get(&at).header("cookie", sent).send().await.unwrap();
            take(answer.headers(), &mut cookies);
            let status = answer.status();
            let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
            let Some(to) = to else {
                panic!("{at}: {status} {}", answer.text().await.unwrap());
            };
            if let Some(back) = to.strip_prefix("http://127.0.0.1:9") {
                return back.to_owned();
            }
            at = if to.starts_with('/') { format!("{}{to}", self.issuer) } else { to };
        }
        panic!("it goes round in circles: {at}");
    }
}

/// Keeps the cookies of an answer.
fn take(headers: &HeaderMap, cookies: &mut BTreeMap<String, String>) {
    for cookie in headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        let (name, value) = cookie.split_once('=').unwrap();
        if value.is_empty() {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn with(vault: TestVault, settings: ElsewhereSettings) -> TestVault {
    let provider = Some(Provider::new(settings).unwrap());
    let app = App::new(vault.vault.clone(), String::new).with_provider(provider);
    TestVault { router: router(app), ..vault }
}

/// Begins to sign in: what the browser keeps, and where it goes.
async fn begin(vault: &TestVault, next: &str) -> (String, String) {
    let path = format!("/v1/oidc/start?next={next}");
    let begun = vault.get(&path).send().await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text());
    let cookie = begun.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    (cookie.split(';').next().unwrap().to_owned(), begun.header("location").to_owned())
}

/// Signs this person in there and comes back.
async fn come_back(vault: &TestVault, office: &Office, who: &str) -> TestResponse {
    office.next_is(who).await;
    let (cookie, to) = begin(vault, "/recordings").await;
    let back = office.go_through(&to).await;
    vault.get(&back).header("cookie", &cookie).header("accept", "text/html").send().await
}

async fn signed_in(vault: &TestVault, answer: &TestResponse) -> Browser {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let mut cookies = BTreeMap::new();
    take(&answer.headers, &mut cookies);
    let cookie = format!("callvault={}", cookies["callvault"]);
    let view = vault.get("/v1/session").header("cookie", &cookie).send().await.json();
    Browser { cookie, csrf: view["csrf"].as_str().unwrap().to_owned(), view }
}

async fn somebody_signs_in_elsewhere_and_is_what_the_groups_say(vault: TestVault) {
    assert_eq!(vault.get("/v1/oidc/start").send().await.code(), "not_found");
    let office = Office::open().await;
    let vault = with(vault, office.settings());
    let ways = vault.get("/v1/sign-in").send().await.json();
    assert_eq!(ways["oidc"], json!({"name": "office", "url": "/v1/oidc/start"}));

    let back = come_back(&vault, &office, "tess").await;
    assert_eq!(back.header("location"), "/recordings");
    let tess = signed_in(&vault, &back).await;
    assert_eq!(tess.view["person"]["name"], "Tess de Vries");
    assert_eq!((&tess.view["roles"], &tess.view["local"]), (&json!(["trainer"]), &json!(false)));
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let list = tess.get(&vault, "/v1/recordings").await.json();
    assert_eq!(list["items"][0]["id"], id.to_string());
    let body = json!({"old": "x", "new": "fiets kano tulp 8"});
    let password = tess.send(&vault, "PUT", "/v1/account/password", body).await;
    assert_eq!(password.code(), "conflict", "it is kept there");
    // The same person again is the same account; nobody signs in here with the name from there.
    let again = signed_in(&vault, &come_back(&vault, &office, "tess").await).await;
    assert_eq!(again.view["person"], tess.view["person"]);
    let local = crate::browser::account(&vault, "Tess de Vries", &[Role::Auditor]).await;
    assert_ne!(tess.view["person"]["id"], local);

    let jan = signed_in(&vault, &come_back(&vault, &office, "jan").await).await;
    assert_eq!(jan.view["customer"], "acme");
    assert_eq!(jan.get(&vault, "/v1/recordings").await.json()["items"], json!([]));
    let told = crate::ledger_of(&vault, vault.vault.provider()).await;
    assert!(told.contains("\"how\":\"oidc\"") && !told.contains("Tess"), "{told}");
}

async fn whoever_is_in_no_group_is_nobody_here(vault: TestVault) {
    let office = Office::open().await;
    let vault = with(vault, office.settings());
    for who in ["stranger", "both", "nobody"] {
        let page = come_back(&vault, &office, who).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{who}: {}", page.text());
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.text().contains("not signed in") && !page.text().contains("Vreemd"));
        assert!(!page.headers.contains_key("set-cookie"));
    }
    let (cookie, to) = begin(&vault, "/").await;
    office.next_is("stranger").await;
    let back = office.go_through(&to).await;
    let json = vault.get(&back).header("cookie", &cookie).send().await;
    assert_eq!(json.code(), "sign_in_refused");
    let token = vault.token(Role::Operator).await;
    let accounts = vault.get("/v1/accounts").token(&token).send().await.json();
    assert_eq!(accounts["items"], json!([]), "no account is made for them");
}

async fn only_the_browser_that_began_it_comes_back_and_only_once(vault: TestVault) {
    let office = Office::open().await;
    let vault = with(vault, office.settings());
    office.next_is("tess").await;
    let (cookie, to) = begin(&vault, "//evil.example/").await;
    let back = office.go_through(&to).await;
    let ask = |path: &str, cookie: &str| vault.get(path).header("cookie", cookie).send();
    assert_eq!(ask(&back, "x=1").await.code(), "sign_in_refused", "another browser");
    let (other, _) = begin(&vault, "/").await;
    assert_eq!(ask(&back, &other).await.code(), "sign_in_refused", "another sign-in");
    let odd = back.replace("iss=http", "iss=https");
    assert_eq!(ask(&odd, &cookie).await.code(), "sign_in_refused", "another provider");
    let done = ask(&back, &cookie).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(ask(&back, &cookie).await.code(), "sign_in_refused", "the code was used");
    for path in
        ["/v1/oidc/callback", "/v1/oidc/callback?state=&code=x", "/v1/oidc/callback?error=x"]
    {
        assert_eq!(ask(path, &cookie).await.code(), "sign_in_refused", "{path}");
    }
    // The nonce of one sign-in does not do for the token of another.
    let (one, to) = begin(&vault, "/").await;
    let back = office.go_through(&to).await;
    let parts: Vec<_> = one.split('.').collect();
    let (_, others): (String, Vec<_>) = (String::new(), other.split('.').collect());
    let forged = [parts[0], others[1], parts[2], parts[3]].join(".");
    assert_eq!(ask(&back, &forged).await.code(), "provider_unavailable");
}

async fn what_changes_there_changes_here_and_who_is_disabled_stays_out(vault: TestVault) {
    let office = Office::open().await;
    let vault = with(vault, office.settings());
    let before = signed_in(&vault, &come_back(&vault, &office, "tess").await).await;
    let mut settings = office.settings();
    settings.groups[0].roles = BTreeSet::from([Role::Auditor]);
    let vault = with(vault, settings);
    let after = signed_in(&vault, &come_back(&vault, &office, "tess").await).await;
    assert_eq!(after.view["person"], before.view["person"]);
    assert_eq!(after.view["roles"], json!(["auditor"]));
    assert_eq!(before.get(&vault, "/v1/session").await.status, 401, "other roles, another session");

    let token = crate::holds::somebody(&vault, Role::Operator, "olga").await;
    let path = format!("/v1/accounts/{}", after.view["person"]["id"].as_str().unwrap());
    let patch = |body: serde_json::Value| {
        let request = axum::http::Request::patch(&path);
        vault.request(request).token(&token).json(&body).send()
    };
    assert_eq!(
        patch(json!({"roles": ["trainer"]})).await.code(),
        "conflict",
        "they come from there"
    );
    assert_eq!(patch(json!({"reset_password": true})).await.code(), "conflict");
    assert_eq!(patch(json!({"disabled": true})).await.status, 200);
    assert_eq!(after.get(&vault, "/v1/session").await.status, 401);
    let back = come_back(&vault, &office, "tess").await;
    assert_eq!(back.status, StatusCode::FORBIDDEN, "{}", back.text());
    let ended = vault.request(axum::http::Request::delete(&path)).token(&token).send().await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let new = signed_in(&vault, &come_back(&vault, &office, "tess").await).await;
    assert_ne!(new.view["person"]["id"], after.view["person"]["id"], "a new account");
}

#[tokio::test]
async fn a_provider_that_is_away_or_somebody_else_is_told() {
    let office = Office::open().await;
    let vault = with(TestVault::new().await, office.settings());
    let mut settings = office.settings();
    settings.issuer = office.issuer.replace("127.0.0.1", "localhost");
    let vault = with(vault, settings);
    let answer = vault.get("/v1/oidc/start").send().await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_GATEWAY, "provider_unavailable")
    );
    let mut settings = office.settings();
    settings.issuer = "http://127.0.0.1:9".into();
    let vault = with(vault, settings);
    let page = vault.get("/v1/oidc/start").header("accept", "text/html").send().await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text().contains("does not answer"), "{}", page.text());
}
