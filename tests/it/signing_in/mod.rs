//! People sign in with a name, a password and perhaps a code; guessing gets slower and slower.

mod oidc;

use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use callvault::index::sql;
use callvault::model::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::browser::{PASSWORD, account, seconds, sign_in, sign_in_with, try_to};
use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_name_and_a_password_sign_in_and_the_cookie_is_who_calls,
    another_site_cannot_use_the_cookie,
    guessing_waits_longer_and_longer_whether_or_not_there_is_such_a_name,
    many_guesses_at_once_count_too,
    a_second_factor_takes_a_code_and_each_code_counts_once,
    who_does_nothing_is_signed_out_and_everybody_in_the_end,
    sessions_are_listed_and_ended,
    a_changed_password_ends_every_other_session,
    audio_plays_with_the_cookie_and_with_its_tickets_until_the_account_is_disabled,
}

async fn a_name_and_a_password_sign_in_and_the_cookie_is_who_calls(vault: TestVault) {
    let id = account(&vault, "Tess de Vries", &[Role::Trainer]).await;
    let ways = vault.get("/v1/sign-in").send().await;
    assert_eq!(ways.json(), json!({"local": true, "oidc": null}));
    assert_eq!(vault.get("/v1/session").send().await.status, StatusCode::UNAUTHORIZED);

    let answer = try_to(&vault, json!({"name": " tess  DE vries", "password": PASSWORD})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["callvault=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "there is no TLS here: {cookie}");
    assert_eq!(answer.header("cache-control"), "no-store");

    let tess = sign_in(&vault, "Tess de Vries").await;
    let me = tess.get(&vault, "/v1/session").await.json();
    assert_eq!(me, tess.view);
    assert_eq!(me["person"], json!({"id": id, "name": "Tess de Vries"}));
    assert_eq!(me["roles"], json!(["trainer"]));
    assert_eq!(me["controller"], vault.vault.provider().to_string());
    for (field, value) in [
        ("customer", Value::Null),
        ("lines", Value::Null),
        ("second_factor", json!(false)),
        ("local", json!(true)),
    ] {
        assert_eq!(me[field], value, "{field}");
    }
    let recording = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let list = tess.get(&vault, "/v1/recordings").await;
    assert_eq!(list.json()["items"][0]["id"], recording.to_string());
    assert_eq!(tess.get(&vault, "/v1/customers").await.code(), "forbidden");
    // A header that names somebody wins over the cookie, also when it is wrong.
    let both = tess.ask(&vault, "GET", "/v1/recordings").token("wrong").send().await;
    assert_eq!(both.status, StatusCode::UNAUTHORIZED);
    assert!(!both.header("www-authenticate").contains("Basic"), "no dialog over the page");

    assert_eq!(tess.ask(&vault, "DELETE", "/v1/session").send().await.status, 204);
    assert_eq!(tess.get(&vault, "/v1/session").await.code(), "unauthenticated");
    assert_eq!(tess.get(&vault, "/v1/recordings").await.code(), "unauthenticated");
}

async fn another_site_cannot_use_the_cookie(vault: TestVault) {
    account(&vault, "anna", &[Role::Compliance]).await;
    let anna = sign_in(&vault, "anna").await;
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let path = format!("/v1/recordings/{id}/restriction");
    let body = json!({"case": "C-1", "ground": "accuracy"});
    let bare =
        |path: &str| vault.request(Request::post(path)).header("cookie", &anna.cookie).json(&body);
    assert_eq!(bare(&path).send().await.code(), "csrf");
    let stranger = sign_in(&vault, "anna").await.csrf;
    for wrong in ["", "x", stranger.as_str()] {
        assert_eq!(bare(&path).header("x-csrf-token", wrong).send().await.code(), "csrf");
    }
    let right = || bare(&path).header("x-csrf-token", &anna.csrf).header("host", "vault:1");
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = right().header(name, value).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "csrf"));
    }
    let read = anna.ask(&vault, "GET", "/v1/recordings").header("sec-fetch-site", "cross-site");
    assert_eq!(read.send().await.code(), "csrf");
    // Nobody is signed in from elsewhere either: as somebody else, unnoticed.
    let forged = vault
        .post("/v1/session")
        .header("origin", "http://evil.example")
        .json(&json!({"name": "anna", "password": PASSWORD}));
    assert_eq!(forged.send().await.code(), "csrf");
    let before = vault.get(&format!("/v1/recordings/{id}")).header("cookie", &anna.cookie);
    assert_eq!(before.send().await.json()["restricted"], false, "none of that did anything");
    let done = right().header("origin", "http://vault:1").header("sec-fetch-site", "same-origin");
    let done = done.send().await;
    assert!(done.status.is_success(), "{}", done.text());
    // A token in the header needs none of this: no browser sends it by itself.
    let token = vault.token(Role::Compliance).await;
    let lifted = vault.request(Request::delete(&path)).token(&token);
    let lifted = lifted.json(&json!({"case": "C-1"})).send().await;
    assert_ne!(lifted.code_or_empty(), "csrf");
}

async fn guessing_waits_longer_and_longer_whether_or_not_there_is_such_a_name(vault: TestVault) {
    account(&vault, "anna", &[Role::Auditor]).await;
    let guess = async |name: &str| {
        try_to(&vault, json!({"name": name, "password": "not the password"})).await
    };
    let mut seen = Vec::new();
    for name in ["anna", "nobody"] {
        let mut answers = Vec::new();
        for wait in [0, 0, 0, 0, 0, 30, 60, 120] {
            if wait > 0 {
                let locked = guess(name).await;
                assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
                assert_eq!(locked.header("retry-after"), wait.to_string());
                answers.push(locked.json());
                vault.advance(SignedDuration::from_secs(wait));
            }
            let wrong = guess(name).await;
            assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{}", wrong.text());
            assert!(!wrong.header("www-authenticate").contains("Basic"));
            answers.push(wrong.json());
        }
        assert_eq!(answers[0]["code"], "wrong_credentials");
        assert_eq!(answers[5]["code"], "locked_out");
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1], "nothing tells who is there");
    // The right one waits too, and then everything is forgiven.
    let right = json!({"name": "anna", "password": PASSWORD});
    vault.advance(SignedDuration::from_mins(20));
    assert_eq!(try_to(&vault, right.clone()).await.status, StatusCode::OK);
    for _ in 0..4 {
        assert_eq!(guess("anna").await.code(), "wrong_credentials");
    }
    assert_eq!(try_to(&vault, right).await.status, StatusCode::OK);
    let told = crate::ledger_of(&vault, vault.vault.provider()).await;
    assert!(told.contains("sign_in.locked"), "{told}");
    assert!(!told.contains("anna") && !told.contains("nobody"), "{told}");
    assert!(told.contains("\"failures_before\":8"), "{told}");
}

async fn many_guesses_at_once_count_too(vault: TestVault) {
    account(&vault, "anna", &[Role::Auditor]).await;
    let tries = (0..20).map(|n| {
        try_to(&vault, json!({"name": "anna", "password": format!("not the password {n}")}))
    });
    let answers = futures_util::future::join_all(tries).await;
    let wrong = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(wrong, 5, "the others were not even tried");
}

async fn a_second_factor_takes_a_code_and_each_code_counts_once(vault: TestVault) {
    account(&vault, "anna", &[Role::Auditor]).await;
    let anna = sign_in(&vault, "anna").await;
    let other = sign_in(&vault, "anna").await;
    let path = "/v1/account/second-factor";
    assert_eq!(anna.send(&vault, "PUT", path, json!({"code": "123456"})).await.code(), "conflict");
    let app = anna.second_factor(&vault).await;
    assert_eq!(other.get(&vault, "/v1/session").await.status, 401, "other sessions are over");
    assert_eq!(anna.get(&vault, "/v1/session").await.json()["second_factor"], true);
    assert_eq!(anna.post(&vault, path, json!({})).await.code(), "conflict");

    let with = async |code: Option<&str>| {
        try_to(&vault, json!({"name": "anna", "password": PASSWORD, "code": code})).await
    };
    let code = app.code(seconds(&vault));
    assert_eq!(with(Some(&code)).await.code(), "wrong_credentials", "it switched it on already");
    assert_eq!(with(None).await.code(), "code_required");
    let blind = try_to(&vault, json!({"name": "anna", "password": "not the password"})).await;
    assert_eq!(blind.code(), "wrong_credentials", "only the password asks for a code");
    vault.advance(SignedDuration::from_secs(60));
    let code = app.code(seconds(&vault));
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(with(Some(&spaced)).await.status, 200);
    assert_eq!(with(Some(&code)).await.code(), "wrong_credentials", "a code counts once");
    vault.advance(SignedDuration::from_secs(60));
    // Without a code nothing is forgiven that was guessed with one.
    let mut locked = false;
    for _ in 0..6 {
        let (guess, none) = (with(Some("000000")).await, with(None).await);
        locked = guess.status == 429 && none.status == 429;
    }
    assert!(locked);
    vault.advance(SignedDuration::from_mins(20));
    let anna = sign_in_with(
        &vault,
        json!({"name": "anna", "password": PASSWORD, "code": app.code(seconds(&vault))}),
    )
    .await;
    assert_eq!(
        anna.send(&vault, "DELETE", path, json!({"code": "000000"})).await.code(),
        "invalid_field"
    );
    vault.advance(SignedDuration::from_secs(60));
    let code = app.code(seconds(&vault));
    assert_eq!(anna.send(&vault, "DELETE", path, json!({"code": code})).await.status, 204);
    sign_in(&vault, "anna").await;
}

async fn who_does_nothing_is_signed_out_and_everybody_in_the_end(vault: TestVault) {
    account(&vault, "anna", &[Role::Auditor]).await;
    let idle = sign_in(&vault, "anna").await;
    vault.advance(SignedDuration::from_mins(29));
    assert_eq!(idle.get(&vault, "/v1/session").await.status, 200);
    vault.advance(SignedDuration::from_mins(29));
    assert_eq!(idle.get(&vault, "/v1/session").await.status, 200, "it was used meanwhile");
    vault.advance(SignedDuration::from_mins(31));
    assert_eq!(idle.get(&vault, "/v1/session").await.code(), "unauthenticated");

    let busy = sign_in(&vault, "anna").await;
    for _ in 0..35 {
        vault.advance(SignedDuration::from_mins(20));
        assert_eq!(busy.get(&vault, "/v1/session").await.status, 200);
    }
    vault.advance(SignedDuration::from_mins(21));
    assert_eq!(busy.get(&vault, "/v1/session").await.code(), "unauthenticated", "twelve hours");

    let count = async || -> i64 {
        let count = sql("SELECT CAST(COUNT(*) AS BIGINT) FROM sessions");
        let (count,): (i64,) = count.fetch_one(vault.vault.index()).await.unwrap();
        count
    };
    assert_eq!(count().await, 2);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = vault.vault.keep_up(callvault::vault::Upkeep { erases: true }, stop.clone());
    tokio::select! {
        () = running => {}
        () = tokio::time::sleep(Duration::from_secs(20)) => {}
        () = async { while count().await > 0 { tokio::time::sleep(Duration::from_millis(50)).await } } => {}
    }
    assert_eq!(count().await, 0, "the upkeep drops what is over");
}

async fn sessions_are_listed_and_ended(vault: TestVault) {
    account(&vault, "anna", &[Role::Auditor]).await;
    account(&vault, "bram", &[Role::Auditor]).await;
    let (one, two) = (sign_in(&vault, "anna").await, sign_in(&vault, "anna").await);
    let bram = sign_in(&vault, "bram").await;
    let list = one.get(&vault, "/v1/sessions").await.json();
    let items = list["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2, "{list}");
    assert_eq!(items.iter().filter(|item| item["current"] == true).count(), 1);
    let other = items.iter().find(|item| item["current"] == false).unwrap();
    let path = format!("/v1/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(bram.ask(&vault, "DELETE", &path).send().await.status, 404, "somebody else's");
    assert_eq!(one.ask(&vault, "DELETE", &path).send().await.status, 204);
    assert_eq!(one.ask(&vault, "DELETE", &path).send().await.status, 404);
    assert_eq!(one.ask(&vault, "DELETE", "/v1/sessions/nonsense").send().await.status, 404);
    assert_eq!(two.get(&vault, "/v1/session").await.status, 401);
    assert_eq!(one.get(&vault, "/v1/session").await.status, 200);
    let token = vault.token(Role::Auditor).await;
    let none = vault.get("/v1/sessions").token(&token).send().await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED, "a token has no sessions");
}

async fn a_changed_password_ends_every_other_session(vault: TestVault) {
    account(&vault, "anna", &[Role::Auditor]).await;
    let (one, two) = (sign_in(&vault, "anna").await, sign_in(&vault, "anna").await);
    let put = async |old: &str, new: &str| {
        one.send(&vault, "PUT", "/v1/account/password", json!({"old": old, "new": new})).await
    };
    for (old, new, field) in [
        (PASSWORD, "short", "new"),
        (PASSWORD, "Wachtwoord123", "new"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "new"),
        (PASSWORD, "annaannaannaanna", "new"),
        (PASSWORD, PASSWORD, "new"),
        ("not the password", "kano tulp fiets 9", "old"),
    ] {
        let refused = put(old, new).await;
        assert_eq!(refused.code(), "invalid_field", "{new}");
        assert_eq!(refused.json()["field"], field, "{new}");
    }
    assert_eq!(put(PASSWORD, "kano tulp fiets 9").await.status, 204);
    assert_eq!(two.get(&vault, "/v1/session").await.status, 401);
    assert_eq!(one.get(&vault, "/v1/session").await.status, 200);
    let old = try_to(&vault, json!({"name": "anna", "password": PASSWORD})).await;
    assert_eq!(old.code(), "wrong_credentials");
    sign_in_with(&vault, json!({"name": "anna", "password": "kano tulp fiets 9"})).await;
}

async fn audio_plays_with_the_cookie_and_with_its_tickets_until_the_account_is_disabled(
    vault: TestVault,
) {
    account(&vault, "jan", &[Role::CustomerListener]).await;
    account(&vault, "globex listener", &[Role::CustomerListener]).await;
    let jan = sign_in(&vault, "jan").await;
    assert_eq!(jan.view["customer"], "acme");
    let id = vault.recording(ACME, &tone(0.5, 1)).await;
    let path = format!("/v1/recordings/{id}/audio?purpose=own_use&as=wav");
    let part = jan.ask(&vault, "GET", &path).range("bytes=0-99").send().await;
    assert_eq!((part.status, part.body.len()), (StatusCode::PARTIAL_CONTENT, 100));
    let tickets = format!("/v1/recordings/{id}/playback");
    let ticket = jan.post(&vault, &tickets, json!({"purpose": "own_use"}));
    let url = ticket.await.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(vault.get(&url).send().await.status, StatusCode::OK);
    let support = vault.recording(SUPPORT, &tone(0.5, 2)).await;
    let other = format!("/v1/recordings/{support}/audio?purpose=own_use");
    assert_eq!(jan.get(&vault, &other).await.status, StatusCode::NOT_FOUND);

    vault.vault.disable_account("jan").await.unwrap();
    assert_eq!(jan.get(&vault, &path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(vault.get(&url).send().await.status, StatusCode::UNAUTHORIZED);
    let again = try_to(&vault, json!({"name": "jan", "password": PASSWORD})).await;
    assert_eq!(again.code(), "wrong_credentials", "not told from a wrong password");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_has_takes_as_long_as_a_wrong_password() {
    let vault = TestVault::new().await;
    let mut fastest = [Duration::MAX; 2];
    for n in 0..8 {
        account(&vault, &format!("somebody {n}"), &[Role::Auditor]).await;
        for (kind, best) in ["somebody", "nobody"].iter().zip(&mut fastest) {
            let body = json!({"name": format!("{kind} {n}"), "password": "not the password"});
            let start = Instant::now();
            let answer = try_to(&vault, body).await;
            *best = start.elapsed().min(*best);
            assert_eq!(answer.code(), "wrong_credentials");
        }
    }
    let (known, unknown) = (fastest[0].as_secs_f64(), fastest[1].as_secs_f64());
    assert!(unknown > known * 0.6 && unknown < known * 1.7, "{known} s, {unknown} s");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let vault = TestVault::new().await;
    account(&vault, "anna", &[Role::Auditor]).await;
    let anna = sign_in(&vault, "anna").await;
    for body in [
        json!({}),
        json!({"name": "anna"}),
        json!({"name": 1, "password": "x"}),
        json!({"name": "anna", "password": "x", "token": "y"}),
    ] {
        assert_eq!(try_to(&vault, body).await.code(), "malformed");
    }
    for (method, path) in [
        ("PUT", "/v1/account/password"),
        ("PUT", "/v1/account/second-factor"),
        ("DELETE", "/v1/account/second-factor"),
    ] {
        let answer = anna.send(&vault, method, path, json!({"odd": 1})).await;
        assert_eq!(answer.code(), "malformed", "{method} {path}");
    }
    for cookie in ["callvault=", "callvault=x", "callvault=\"", "=;;", "callvault=é"] {
        let answer = vault.get("/v1/session").header("cookie", cookie).send().await;
        assert_eq!(answer.code(), "unauthenticated", "{cookie}");
    }
    let form =
        vault.post("/v1/session").header("content-type", "application/x-www-form-urlencoded");
    let form = form.body("name=anna&password=x").send().await;
    assert_eq!(form.code(), "malformed", "a form of another site signs nobody in");
}
