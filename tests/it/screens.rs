//! What a browser is told: where the screens are, how long to keep them, and what they may do.

use axum::http::StatusCode;
use callvault::http::{App, router};
use callvault::model::Role;

use crate::harness::TestVault;

async fn served(public_url: Option<&str>) -> TestVault {
    let vault = TestVault::new().await;
    let app = App::new(vault.vault.clone(), String::new)
        .at(public_url.map(str::to_owned))
        .with_screens(callvault::web::answer);
    TestVault { router: router(app), ..vault }
}

#[tokio::test]
async fn the_first_page_is_at_every_address_of_the_screens_and_at_none_of_the_api() {
    let vault = served(None).await;
    for path in ["/", "/recordings", "/recordings/123", "/compliance/erasures?from=2026-01-01"] {
        let page = vault.get(path).header("accept", "text/html,*/*;q=0.8").send().await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let kept = page.header("cache-control");
        assert!(kept == "no-cache" || kept == "no-store", "{kept}");
        assert!(page.text().contains("callvault"), "{path}");
        if !callvault::web::are_there() {
            assert!(page.text().contains("npm run build"), "it says how to get them");
        }
    }
    for path in ["/v1", "/v1/nothing", "/docs/nothing.js", "/metrics/x", "/favicon.png", "/a/b.js"]
    {
        let none = vault.get(path).header("accept", "text/html").send().await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{path}");
    }
    let script = vault.get("/recordings").header("accept", "application/json").send().await;
    assert_eq!(script.code(), "not_found", "who wants no page gets none");
    let post = vault.post("/recordings").header("accept", "text/html").send().await;
    assert_eq!(post.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let vault = served(None).await;
    let token = vault.token(Role::Trainer).await;
    for path in ["/", "/docs/", "/v1/recordings", "/v1/nothing", "/healthz"] {
        let answer = vault.get(path).token(&token).header("accept", "text/html").send().await;
        let policy = answer.header("content-security-policy").to_owned();
        for part in ["frame-ancestors 'none'", "base-uri 'none'", "default-src"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe-eval") && !policy.contains("script-src 'unsafe"),
            "{policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(answer.header("permissions-policy").contains("microphone=()"));
        assert!(!answer.headers.contains_key("strict-transport-security"), "there is no TLS");
    }
    let page = vault.get("/").send().await;
    let policy = page.header("content-security-policy");
    assert!(!policy.contains("unsafe"), "the screens need nothing in line: {policy}");
    assert!(policy.contains("media-src 'self' blob:") && policy.contains("object-src 'none'"));

    let vault = served(Some("https://vault.example.nl")).await;
    let page = vault.get("/").send().await;
    assert!(page.header("strict-transport-security").starts_with("max-age=63072000"));
}

#[tokio::test]
async fn with_tls_the_cookie_is_kept_to_the_host() {
    let vault = served(Some("https://vault.example.nl")).await;
    crate::browser::account(&vault, "anna", &[Role::Auditor]).await;
    let body = serde_json::json!({"name": "anna", "password": crate::browser::PASSWORD});
    let ask = |origin: &str| vault.post("/v1/session").header("origin", origin).json(&body).send();
    assert_eq!(ask("http://vault.example.nl").await.code(), "csrf");
    let answer = ask("https://vault.example.nl").await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-callvault=") && cookie.contains("Secure"), "{cookie}");
}

/// The files of the screens, when the program was built with them.
#[tokio::test]
async fn files_come_compressed_are_kept_and_asked_about_by_their_tags() {
    let vault = served(None).await;
    let page = vault.get("/").send().await.text();
    let script = page.split("src=\"").nth(1).and_then(|rest| rest.split('"').next());
    assert_eq!(script.is_some(), callvault::web::are_there(), "a page of the screens has a script");
    let Some(path) = script else { return };
    let ask = |encoding: &'static str| vault.get(path).header("accept-encoding", encoding).send();
    let plain = ask("identity").await;
    assert_eq!(plain.status, StatusCode::OK, "{path}");
    assert!(plain.header("content-type").starts_with("text/javascript"));
    assert!(plain.header("cache-control").contains("immutable"));
    for encoding in ["br", "gzip"] {
        let packed = ask(encoding).await;
        assert_eq!(packed.header("content-encoding"), encoding);
        assert_eq!(packed.header("vary"), "accept-encoding");
        assert!(packed.body.len() < plain.body.len());
        assert_ne!(packed.header("etag"), plain.header("etag"));
    }
    let known = vault.get(path).header("if-none-match", plain.header("etag")).send().await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
}
