//! Agents hear their own calls, may be kept from their colleagues', and see who heard theirs.

use axum::http::StatusCode;
use callvault::model::Role;
use callvault::vault::NewToken;
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    an_agent_is_kept_to_own_calls_everywhere,
    an_agent_sees_who_heard_the_own_calls,
}

/// The token of willem, who takes calls.
pub(crate) async fn agent(vault: &TestVault, role: Role, own_calls_only: bool) -> String {
    let customer = role.is_customers().then(|| "acme".parse().unwrap());
    let new = NewToken {
        name: "Willem".into(),
        roles: [role].into(),
        customer,
        class: None,
        lines: None,
        agent: Some("willem".into()),
        own_calls_only,
        expires_at: None,
    };
    vault.vault.create_token(&new).await.unwrap().1.reveal().to_owned()
}

/// A call of this agent.
pub(crate) async fn call_of(
    vault: &TestVault,
    base: &[(&'static str, &'static str)],
    agent: &'static str,
    seed: u32,
) -> Uuid {
    let mut fields: Vec<_> = base.iter().copied().filter(|(name, _)| *name != "agent").collect();
    fields.push(("agent", agent));
    vault.recording(&fields, &tone(0.5, seed)).await
}

async fn listed(vault: &TestVault, token: &str, query: &str) -> Vec<Uuid> {
    let page = vault.get(&format!("/v1/recordings?{query}")).token(token).send().await.json();
    let id = |item: &serde_json::Value| item["id"].as_str().unwrap().parse().unwrap();
    page["items"].as_array().unwrap().iter().map(id).collect()
}

async fn an_agent_is_kept_to_own_calls_everywhere(vault: TestVault) {
    for (base, role, purpose) in
        [(SUPPORT, Role::Trainer, "training"), (ACME, Role::CustomerListener, "own_use")]
    {
        let own = call_of(&vault, base, "willem", 1).await;
        let colleagues = call_of(&vault, base, "mieke", 2).await;
        let kept = agent(&vault, role, true).await;
        let free = agent(&vault, role, false).await;
        let query = format!("purpose={purpose}");
        assert_eq!(vault.listen(&kept, own, &query).await.status, StatusCode::OK);
        assert_eq!(listed(&vault, &kept, "").await, [own]);
        assert_eq!(listed(&vault, &kept, "agent=mieke").await, Vec::<Uuid>::new());
        assert_eq!(listed(&vault, &free, "").await.len(), 2, "not kept to them");
        for path in ["", "/waveform?purpose=", "/audio?purpose=", "/accesses"] {
            let what = if path.ends_with('=') { purpose } else { "" };
            let path = format!("/v1/recordings/{colleagues}{path}{what}");
            let answer = vault.get(&path).token(&kept).send().await;
            assert_eq!(answer.code(), "not_found", "{path}");
        }
        let ticket = vault.post(&format!("/v1/recordings/{colleagues}/playback")).token(&kept);
        let ticket = ticket.json(&serde_json::json!({"purpose": purpose})).send().await;
        assert_eq!(ticket.code(), "not_found");
        assert_eq!(vault.listen(&free, colleagues, &query).await.status, StatusCode::OK);
    }
}

async fn an_agent_sees_who_heard_the_own_calls(vault: TestVault) {
    let own = call_of(&vault, SUPPORT, "willem", 1).await;
    let colleagues = call_of(&vault, SUPPORT, "mieke", 2).await;
    let trainer = vault.token(Role::Trainer).await;
    let by = vault.vault.authenticate(&trainer).await.unwrap().id.to_string();
    for id in [own, colleagues] {
        vault.listen(&trainer, id, "purpose=training").await;
    }
    // A refusal is between the one refused and who checks.
    vault.listen(&trainer, own, "purpose=evidence&case=C-1").await;
    let willem = agent(&vault, Role::Trainer, false).await;
    let shown = vault.get(&format!("/v1/recordings/{own}/accesses")).token(&willem).send().await;
    let items = shown.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1, "{items}");
    assert_eq!((&items[0]["by"], &items[0]["purpose"]), (&by.into(), &"training".into()));
    let colleagues = format!("/v1/recordings/{colleagues}/accesses");
    assert_eq!(vault.get(&colleagues).token(&willem).send().await.code(), "forbidden");
}

#[tokio::test]
async fn only_who_hears_calls_has_own_ones() {
    let vault = TestVault::new().await;
    let new = |roles: &[Role], agent: Option<&str>, own_calls_only| NewToken {
        name: "Willem".into(),
        roles: roles.iter().copied().collect(),
        customer: None,
        class: None,
        lines: None,
        agent: agent.map(str::to_owned),
        own_calls_only,
        expires_at: None,
    };
    let bad = [
        new(&[Role::Compliance], Some("willem"), false),
        new(&[Role::Trainer, Role::Evidence], Some("willem"), true),
        new(&[Role::Operator], Some("willem"), false),
        new(&[Role::Trainer], None, true),
        new(&[Role::Trainer], Some(" "), true),
        new(&[Role::Trainer], Some("will\nem"), true),
    ];
    for new in bad {
        let refused = vault.vault.create_token(&new).await.err().map(|error| error.to_string());
        assert!(refused.is_some_and(|text| text.starts_with("agent: ")), "{:?}", new.roles);
    }
    assert!(vault.vault.create_token(&new(&[Role::Trainer], Some("willem"), true)).await.is_ok());
}
