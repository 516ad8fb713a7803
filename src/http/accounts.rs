//! Accounts of other people: for operators, a customer's administrators, and the second person.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::App;
use super::error::Problem;
use super::extract::{Json as Body, Query};
use crate::model::{Becomes, Caller, Cursor, CustomerRef, PrincipalId, Role};
use crate::vault::{AccountChange, AccountView, Error, NewAccount, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(change, end))
        .routes(routes!(approve, refuse))
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountRequest {
    /// What its holder is called and signs in with.
    name: String,
    /// What its holder is.
    roles: Vec<String>,
    /// The customer it belongs to: required for a customer's roles.
    customer: Option<String>,
    /// The lines a customer's listener is kept to.
    lines: Option<BTreeSet<String>>,
    /// Which agent of recorded calls its holder is.
    agent: Option<String>,
    /// Whether calls of others do not exist for its holder.
    #[serde(default)]
    own_calls_only: bool,
    /// Another account or token of the same person: they are never each other's second person.
    person: Option<Uuid>,
}

/// What changes; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountChangeRequest {
    /// What its holder is.
    roles: Option<Vec<String>>,
    /// The lines it is kept to; null for all of them.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    lines: Becomes<BTreeSet<String>>,
    /// Which agent its holder is; null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    agent: Becomes<String>,
    /// Whether calls of others do not exist for its holder.
    own_calls_only: Option<bool>,
    /// Whether nobody can sign in with it.
    disabled: Option<bool>,
    /// Whether its holder gets a new password.
    #[serde(default)]
    reset_password: bool,
    /// Whether its holder lost the second factor.
    #[serde(default)]
    reset_second_factor: bool,
}

/// An account, and a password when one was made.
#[derive(Serialize, ToSchema)]
struct WithPassword {
    #[serde(flatten)]
    account: AccountView,
    /// What its holder signs in with the first time. Shown only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
struct AccountPage {
    /// The newest first.
    items: Vec<AccountView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many: 1 to 200, 50 unless said.
    pub(super) limit: Option<u32>,
    /// The `next` of the page before.
    pub(super) cursor: Option<String>,
}

impl Paging {
    pub(super) fn after(&self) -> Result<Option<Cursor>, Problem> {
        let cursor = self.cursor.as_deref().map(str::parse).transpose();
        cursor.map_err(|error: crate::model::CursorError| Problem::malformed(error.to_string()))
    }
}

/// Reads roles; a refusal names the field.
pub(super) fn roles(words: &[String]) -> Result<BTreeSet<Role>, Error> {
    let read: Result<BTreeSet<Role>, _> = words.iter().map(|word| word.parse()).collect();
    read.map_err(|error: crate::model::UnknownWord| Error::Field {
        field: "roles",
        problem: error.to_string(),
    })
}

/// Reads the reference of a customer; a refusal names the field.
pub(super) fn customer(text: Option<String>) -> Result<Option<CustomerRef>, Error> {
    let read = text.map(CustomerRef::try_from).transpose();
    read.map_err(|error| Error::Field { field: "customer", problem: error.to_string() })
}

/// Makes an account. Roles that an operator gives wait until somebody of compliance agrees.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "Accounts", request_body = AccountRequest,
    responses(
        (status = 201, description = "Made, with its first password", body = WithPassword),
        (status = 409, description = "The name is taken", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn add(
    State(vault): State<Vault>,
    caller: Caller,
    Body(request): Body<AccountRequest>,
) -> Result<impl IntoResponse, Problem> {
    let new = NewAccount {
        name: request.name,
        roles: roles(&request.roles)?,
        customer: customer(request.customer)?,
        lines: request.lines,
        agent: request.agent,
        own_calls_only: request.own_calls_only,
        person: request.person.map(PrincipalId),
    };
    let (account, password) = vault.add_account_for(&caller, new).await?;
    let answer = WithPassword { account, password: Some(password.to_string()) };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(answer)))
}

/// Lists the accounts you look after.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "Accounts", params(Paging),
    responses(
        (status = 200, description = "A page", body = AccountPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<AccountPage>, Problem> {
    let page = vault.accounts(&caller, paging.after()?, paging.limit).await?;
    Ok(Json(AccountPage { items: page.items, next: page.next }))
}

/// Changes somebody else's account. Their sessions end.
#[utoipa::path(
    patch, path = "/v1/accounts/{id}", tag = "Accounts", request_body = AccountChangeRequest,
    params(("id" = uuid::Uuid, Path, description = "The account")),
    responses(
        (status = 200, description = "The account, with the new password if there is one", body = WithPassword),
        (status = 403, description = "`own_account`: somebody else has to", body = Problem),
        (status = 409, description = "The last administrator stays", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn change(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<AccountChangeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let change = AccountChange {
        roles: request.roles.as_deref().map(roles).transpose()?,
        lines: request.lines,
        agent: request.agent,
        own_calls_only: request.own_calls_only,
        disabled: request.disabled,
        reset_password: request.reset_password,
        reset_second_factor: request.reset_second_factor,
    };
    let (account, password) = vault.change_account(&caller, account(&id)?, change).await?;
    let answer = WithPassword { account, password: password.map(|one| one.to_string()) };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)))
}

/// Ends somebody else's account for good.
#[utoipa::path(
    delete, path = "/v1/accounts/{id}", tag = "Accounts",
    params(("id" = uuid::Uuid, Path, description = "The account")),
    responses(
        (status = 204, description = "Ended"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn end(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.end_account(&caller, account(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Agrees to the roles that an operator proposed for somebody.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/approval", tag = "Accounts",
    params(("id" = uuid::Uuid, Path, description = "The account")),
    responses(
        (status = 200, description = "The account, with its new roles", body = AccountView),
        (status = 403, description = "`second_person_required`", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn approve(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(vault.approve_roles(&caller, account(&id)?).await?))
}

/// Says no to the roles that were proposed for somebody, or takes them back.
#[utoipa::path(
    delete, path = "/v1/accounts/{id}/approval", tag = "Accounts",
    params(("id" = uuid::Uuid, Path, description = "The account")),
    responses(
        (status = 200, description = "The account, as it stays", body = AccountView),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn refuse(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(vault.refuse_roles(&caller, account(&id)?).await?))
}

fn account(id: &str) -> Result<PrincipalId, Error> {
    id.parse().map_err(|_| Error::NotFound)
}
