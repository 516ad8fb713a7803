//! Customers, for operators.

use std::fmt::Display;
use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::{Json as Body, Query};
use crate::model::{Caller, Customer, CustomerRef, Limit, Term};
use crate::vault::{CustomerChange, Error, NewCustomer, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add, list)).routes(routes!(get, change))
}

/// A customer to be added. Recording is on from the start when agreement and term are there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CustomerRequest {
    /// What you call it: letters, digits, dots, dashes and underscores.
    reference: String,
    /// Its name.
    name: String,
    /// The processing agreement.
    agreement: Option<String>,
    /// The retention term it chose (ISO 8601, such as `P1Y`).
    term: Option<String>,
    /// The shortest term the law allows it.
    floor: Option<String>,
    /// The longest term it may choose.
    ceiling: Option<String>,
    /// The law behind floor and ceiling.
    legal_basis: Option<String>,
    /// The lines it has, so that its rules can name them before their first call.
    #[serde(default)]
    lines: Vec<String>,
}

/// What changes; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CustomerChangeRequest {
    /// Its name.
    name: Option<String>,
    /// The processing agreement.
    agreement: Option<String>,
    /// Whether recording is on.
    recording: Option<bool>,
    /// The shortest term the law allows it. It only goes up.
    #[serde(default, deserialize_with = "given")]
    floor: Option<String>,
    /// The longest term it may choose.
    #[serde(default, deserialize_with = "given")]
    ceiling: Option<String>,
    /// The law behind floor and ceiling.
    legal_basis: Option<String>,
    /// `active` or `leaving`.
    status: Option<String>,
    /// The lines it has, and no others.
    lines: Option<Vec<String>>,
}

/// A field that was given: null is no term either, and is refused as such.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::deserialize(from)?.unwrap_or_default()))
}

/// A customer.
#[derive(Serialize, ToSchema)]
pub(super) struct CustomerView {
    /// What you call it.
    reference: String,
    /// Its opaque identifier, as ledgers and recordings name it.
    id: uuid::Uuid,
    /// Its name.
    name: String,
    /// The processing agreement.
    agreement: Option<String>,
    /// Whether recording is on.
    recording: bool,
    /// `active`, `leaving` or `ended`.
    status: &'static str,
    /// The retention term it chose.
    #[schema(value_type = Option<String>)]
    term: Option<Term>,
    /// The version of that choice.
    policy_version: i32,
    /// The shortest term the law allows it.
    #[schema(value_type = Option<String>)]
    floor: Option<Term>,
    /// The longest term it may choose.
    #[schema(value_type = String)]
    ceiling: Term,
    /// The law behind floor and ceiling.
    legal_basis: Option<String>,
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self {
            reference: customer.reference.to_string(),
            id: customer.id.0,
            name: customer.name,
            agreement: customer.agreement,
            recording: customer.recording,
            status: customer.status.as_str(),
            term: customer.term,
            policy_version: customer.policy_version,
            floor: customer.floor,
            ceiling: customer.ceiling,
            legal_basis: customer.legal_basis,
        }
    }
}

/// A page of customers.
#[derive(Serialize, ToSchema)]
struct CustomerPage {
    /// The customers, by reference.
    items: Vec<CustomerView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Paging {
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Reads a field that may be absent; a refusal names it.
fn read<T: FromStr<Err: Display>>(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    let read = text.map(str::parse).transpose();
    read.map_err(|error: T::Err| Error::Field { field, problem: error.to_string() })
}

/// Adds a customer.
#[utoipa::path(
    post, path = "/v1/customers", tag = "Customers", request_body = CustomerRequest,
    responses(
        (status = 201, description = "Added", body = CustomerView),
        (status = 409, description = "The reference is taken", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn add(
    State(vault): State<Vault>,
    caller: Caller,
    Body(request): Body<CustomerRequest>,
) -> Result<(StatusCode, Json<CustomerView>), Problem> {
    let reference = CustomerRef::try_from(request.reference)
        .map_err(|error| Error::Field { field: "reference", problem: error.to_string() })?;
    let new = NewCustomer {
        reference,
        name: request.name,
        agreement: request.agreement,
        term: read("term", request.term.as_deref())?,
        floor: read("floor", request.floor.as_deref())?,
        ceiling: read("ceiling", request.ceiling.as_deref())?,
        legal_basis: request.legal_basis,
    };
    let customer = vault.add_customer_for(&caller, new, &request.lines).await?;
    Ok((StatusCode::CREATED, Json(customer.into())))
}

/// Lists customers by reference.
#[utoipa::path(
    get, path = "/v1/customers", tag = "Customers", params(Paging),
    responses(
        (status = 200, description = "A page", body = CustomerPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<CustomerPage>, Problem> {
    let limit = Limit::new(paging.limit);
    let found = vault.customers(&caller, paging.cursor.as_deref(), limit).await?;
    let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
    let next = found.last().filter(|_| full).map(|last| last.reference.to_string());
    Ok(Json(CustomerPage { items: found.into_iter().map(Into::into).collect(), next }))
}

/// One customer.
#[utoipa::path(
    get, path = "/v1/customers/{ref}", tag = "Customers",
    params(("ref" = String, Path, description = "Its reference")),
    responses(
        (status = 200, description = "The customer", body = CustomerView),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Json<CustomerView>, Problem> {
    let reference = CustomerRef::try_from(reference).map_err(|_| Error::NotFound)?;
    Ok(Json(vault.customer(&caller, &reference).await?.into()))
}

/// Changes a customer.
#[utoipa::path(
    patch, path = "/v1/customers/{ref}", tag = "Customers",
    params(("ref" = String, Path, description = "Its reference")),
    request_body = CustomerChangeRequest,
    responses(
        (status = 200, description = "The customer, changed", body = CustomerView),
        (status = 409, description = "Recording needs a term and an agreement first", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn change(
    State(vault): State<Vault>,
    caller: Caller,
    Path(reference): Path<String>,
    Body(request): Body<CustomerChangeRequest>,
) -> Result<Json<CustomerView>, Problem> {
    let reference = CustomerRef::try_from(reference).map_err(|_| Error::NotFound)?;
    let change = CustomerChange {
        name: request.name,
        agreement: request.agreement,
        recording: request.recording,
        floor: read("floor", request.floor.as_deref())?,
        ceiling: read("ceiling", request.ceiling.as_deref())?,
        legal_basis: request.legal_basis,
        status: read("status", request.status.as_deref())?,
        lines: request.lines,
    };
    Ok(Json(vault.change_customer(&caller, &reference, change).await?.into()))
}
