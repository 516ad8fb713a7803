//! The compliance view: figures, accesses, changes of terms, and the register.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::Query;
use crate::model::{Caller, CursorError, Page};
use crate::vault::Vault;
use crate::vault::compliance::{Compliance, Told};
use crate::vault::register::Processing;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(accesses))
        .routes(routes!(policy_changes))
        .routes(routes!(register))
}

/// The figures of somebody who checks, of your own controller.
#[utoipa::path(
    get, path = "/v1/compliance/summary", tag = "Compliance",
    responses(
        (status = 200, description = "The figures", body = Compliance),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn summary(State(vault): State<Vault>, caller: Caller) -> Result<Json<Compliance>, Problem> {
    Ok(Json(vault.compliance(&caller).await?))
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

impl Wanted {
    fn before(&self) -> Result<Option<i64>, Problem> {
        let cursor = self.cursor.as_deref().map(str::parse::<i64>).transpose();
        cursor.map_err(|_| Problem::malformed(CursorError.to_string()))
    }
}

/// Whose changes, and which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Changes {
    /// A customer, by its reference; the provider's compliance sees every customer's.
    customer: Option<String>,
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of what the ledger tells.
#[derive(Serialize, ToSchema)]
struct ToldPage {
    /// The entries, the last first.
    items: Vec<Told>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

impl From<Page<Told>> for ToldPage {
    fn from(page: Page<Told>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

/// Who heard or took what, by a pseudonym, and what for; refusals too.
#[utoipa::path(
    get, path = "/v1/accesses", tag = "Compliance", params(Wanted),
    responses(
        (status = 200, description = "A page", body = ToldPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn accesses(
    State(vault): State<Vault>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ToldPage>, Problem> {
    let page = vault.accesses(&caller, wanted.before()?, wanted.limit).await?;
    Ok(Json(page.into()))
}

/// How retention terms were changed.
#[utoipa::path(
    get, path = "/v1/policy-changes", tag = "Compliance", params(Changes),
    responses(
        (status = 200, description = "A page", body = ToldPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn policy_changes(
    State(vault): State<Vault>,
    caller: Caller,
    Query(changes): Query<Changes>,
) -> Result<Json<ToldPage>, Problem> {
    let Changes { customer, limit, cursor } = changes;
    let wanted = Wanted { limit, cursor };
    let before = wanted.before()?;
    let page = vault.policy_changes(&caller, customer.as_deref(), before, limit).await?;
    Ok(Json(page.into()))
}

/// The register of processing (GDPR art. 30).
#[derive(Serialize, ToSchema)]
struct Register {
    /// A row for each processing.
    items: Vec<Processing>,
    /// There is never another page.
    next: Option<String>,
}

/// The rows of the register of processing (GDPR art. 30), made from the running configuration, in
/// Dutch and English.
#[utoipa::path(
    get, path = "/v1/register", tag = "Compliance",
    responses(
        (status = 200, description = "The rows", body = Register),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn register(State(vault): State<Vault>, caller: Caller) -> Result<Json<Register>, Problem> {
    Ok(Json(Register { items: vault.register(&caller)?, next: None }))
}
