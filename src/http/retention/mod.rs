//! How long a customer keeps its recordings, for the customer itself and whoever checks.

mod view;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::customers::CustomerView;
use super::error::Problem;
use super::extract::Json as Body;
use crate::model::{Caller, CustomerRef};
use crate::vault::{Error, FloorExtension, PolicyWish, Vault};
use view::{PreviewView, RetentionView, RuleBody, ScheduledView};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get, put))
        .routes(routes!(preview))
        .routes(routes!(cancel))
        .routes(routes!(extend_floor))
}

/// What the policy shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PolicyRequest {
    /// How long recordings are kept that no rule covers (ISO 8601, such as `P1Y`).
    default: String,
    /// The most specific one counts: line or user, then queue, then direction.
    #[serde(default)]
    rules: Vec<RuleBody>,
    /// Whether a longer term holds for recordings that are there, too.
    #[serde(default)]
    apply_to_existing: bool,
}

/// What the policy shall be, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    /// How long recordings are kept that no rule covers (ISO 8601, such as `P1Y`).
    default: String,
    /// The most specific one counts: line or user, then queue, then direction.
    #[serde(default)]
    rules: Vec<RuleBody>,
    /// Whether a longer term holds for recordings that are there, too.
    #[serde(default)]
    apply_to_existing: bool,
    /// Why. It stays in the vault's index.
    reason: String,
    /// What the preview of this change gave.
    preview_token: String,
}

fn wish(default: String, rules: Vec<RuleBody>, apply_to_existing: bool) -> PolicyWish {
    let rules = rules.into_iter().map(|rule| (rule.scope, rule.term)).collect();
    PolicyWish { default, rules, apply_to_existing }
}

/// A longer floor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FloorRequest {
    /// The floor from now on, such as `P7Y`.
    until_term: String,
    /// What the authority calls its request. It stays in the vault's index.
    authority_reference: String,
}

fn reference(text: String) -> Result<CustomerRef, Error> {
    CustomerRef::try_from(text).map_err(|_| Error::NotFound)
}

/// How a customer's recordings are kept, were kept, and will be kept.
#[utoipa::path(
    get, path = "/v1/customers/{ref}/retention", tag = "Retention",
    params(("ref" = String, Path, description = "The customer")),
    responses(
        (status = 200, description = "Policy in force, change that waits, history", body = RetentionView),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Path(customer): Path<String>,
) -> Result<Json<RetentionView>, Problem> {
    Ok(Json(vault.policy_history(&caller, &reference(customer)?).await?.into()))
}

/// What another policy would do, counted exactly. Changes nothing.
#[utoipa::path(
    post, path = "/v1/customers/{ref}/retention/preview", tag = "Retention",
    params(("ref" = String, Path, description = "The customer")),
    request_body = PolicyRequest,
    responses(
        (status = 200, description = "What would happen", body = PreviewView),
        (status = 422, description = "A term or a rule that cannot be; `field` names it", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn preview(
    State(vault): State<Vault>,
    caller: Caller,
    Path(customer): Path<String>,
    Body(request): Body<PolicyRequest>,
) -> Result<Json<PreviewView>, Problem> {
    let wish = wish(request.default, request.rules, request.apply_to_existing);
    Ok(Json(vault.preview_policy(&caller, &reference(customer)?, &wish).await?.into()))
}

/// Changes the policy. What gets shorter waits for the cooling-off and can be cancelled until then.
#[utoipa::path(
    put, path = "/v1/customers/{ref}/retention", tag = "Retention",
    params(("ref" = String, Path, description = "The customer")),
    request_body = ChangeRequest,
    responses(
        (status = 202, description = "Set, and when it is in force", body = ScheduledView),
        (status = 409, description = "The preview is stale or of another change, or a change waits", body = Problem),
        (status = 422, description = "A term or a rule that cannot be; `field` names it", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn put(
    State(vault): State<Vault>,
    caller: Caller,
    Path(customer): Path<String>,
    Body(request): Body<ChangeRequest>,
) -> Result<(StatusCode, Json<ScheduledView>), Problem> {
    let ChangeRequest { default, rules, apply_to_existing, reason, preview_token } = request;
    let (customer, wish) = (reference(customer)?, wish(default, rules, apply_to_existing));
    let set = vault.change_policy(&caller, &customer, &wish, &reason, &preview_token).await?;
    Ok((StatusCode::ACCEPTED, Json(set.into())))
}

/// Cancels the change that is cooling off.
#[utoipa::path(
    delete, path = "/v1/customers/{ref}/retention/pending", tag = "Retention",
    params(("ref" = String, Path, description = "The customer")),
    responses(
        (status = 204, description = "Cancelled"),
        (status = 409, description = "Nothing waits", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn cancel(
    State(vault): State<Vault>,
    caller: Caller,
    Path(customer): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.cancel_policy(&caller, &reference(customer)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Extends a customer's floor because an authority asks for it, existing recordings included.
#[utoipa::path(
    post, path = "/v1/customers/{ref}/floor-extension", tag = "Customers",
    params(("ref" = String, Path, description = "The customer")),
    request_body = FloorRequest,
    responses(
        (status = 200, description = "The customer with its floor", body = CustomerView),
        (status = 422, description = "Not longer than the floor, or over the ceiling", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn extend_floor(
    State(vault): State<Vault>,
    caller: Caller,
    Path(customer): Path<String>,
    Body(request): Body<FloorRequest>,
) -> Result<Json<CustomerView>, Problem> {
    let FloorRequest { until_term, authority_reference } = request;
    let wish = FloorExtension { until_term, authority_reference };
    Ok(Json(vault.extend_floor(&caller, &reference(customer)?, &wish).await?.into()))
}
