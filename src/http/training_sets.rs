//! Training sets, and who they can be shared with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::App;
use super::error::Problem;
use super::extract::{Json as Body, Known, Query};
use super::notes::Paging;
use crate::model::{Caller, ItemId, TrainingSetId};
use crate::vault::{ItemView, NewItem, Person, SetChange, SetView, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(people))
        .routes(routes!(list, make))
        .routes(routes!(get, change, drop_set))
        .routes(routes!(items, add_item))
        .routes(routes!(drop_item))
        .routes(routes!(order))
}

/// The people of a controller.
#[derive(Serialize, ToSchema)]
struct People {
    /// All of them but you.
    items: Vec<Person>,
}

/// Whom you can share a training set with.
#[utoipa::path(
    get, path = "/v1/people", tag = "Training",
    responses(
        (status = 200, description = "The people", body = People),
        (status = 403, description = "You keep no training sets", body = Problem),
    )
)]
async fn people(State(vault): State<Vault>, caller: Caller) -> Result<Json<People>, Problem> {
    Ok(Json(People { items: vault.people(&caller).await? }))
}

/// A page of sets.
#[derive(Serialize, ToSchema)]
struct SetPage {
    /// The sets, the newest first.
    items: Vec<SetView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// The sets that you made or that are shared with you.
#[utoipa::path(
    get, path = "/v1/training-sets", tag = "Training", params(Paging),
    responses(
        (status = 200, description = "A page", body = SetPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<SetPage>, Problem> {
    let page = vault.sets(&caller, paging.after()?, paging.limit).await?;
    Ok(Json(SetPage { items: page.items, next: page.next }))
}

/// A set to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSet {
    /// What it is called. Numbers of people are refused.
    name: String,
}

/// Makes a training set.
#[utoipa::path(
    post, path = "/v1/training-sets", tag = "Training", request_body = NewSet,
    responses(
        (status = 201, description = "The set", body = SetView),
        (status = 422, description = "`personal_number`: the name holds a number of somebody", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn make(
    State(vault): State<Vault>,
    caller: Caller,
    Body(new): Body<NewSet>,
) -> Result<(StatusCode, Json<SetView>), Problem> {
    Ok((StatusCode::CREATED, Json(vault.make_set(&caller, &new.name).await?)))
}

/// One training set.
#[utoipa::path(
    get, path = "/v1/training-sets/{id}", tag = "Training",
    params(("id" = Uuid, Path, description = "The set")),
    responses(
        (status = 200, description = "The set", body = SetView),
        (status = 404, description = "There is none, or it is not shared with you", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Known(id): Known<Uuid>,
) -> Result<Json<SetView>, Problem> {
    Ok(Json(vault.set(&caller, TrainingSetId(id)).await?))
}

/// Renames a set that you made, or shares it.
#[utoipa::path(
    patch, path = "/v1/training-sets/{id}", tag = "Training",
    params(("id" = Uuid, Path, description = "The set")),
    request_body = SetChange,
    responses(
        (status = 200, description = "The set as it is now", body = SetView),
        (status = 403, description = "`not_yours`: somebody else made it", body = Problem),
        (status = 404, description = "There is none, or it is not shared with you", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn change(
    State(vault): State<Vault>,
    caller: Caller,
    Known(id): Known<Uuid>,
    Body(change): Body<SetChange>,
) -> Result<Json<SetView>, Problem> {
    Ok(Json(vault.change_set(&caller, TrainingSetId(id), &change).await?))
}

/// Drops a set that you made. The recordings in it stay.
#[utoipa::path(
    delete, path = "/v1/training-sets/{id}", tag = "Training",
    params(("id" = Uuid, Path, description = "The set")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "`not_yours`: somebody else made it", body = Problem),
        (status = 404, description = "There is none, or it is not shared with you", body = Problem),
    )
)]
async fn drop_set(
    State(vault): State<Vault>,
    caller: Caller,
    Known(id): Known<Uuid>,
) -> Result<StatusCode, Problem> {
    vault.drop_set(&caller, TrainingSetId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A page of items.
#[derive(Serialize, ToSchema)]
struct ItemPage {
    /// The items that you may hear now, in the order of the set. A page can hold less than it has room for.
    items: Vec<ItemView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// The items of a set that you may hear now.
#[utoipa::path(
    get, path = "/v1/training-sets/{id}/items", tag = "Training",
    params(("id" = Uuid, Path, description = "The set"), Paging),
    responses(
        (status = 200, description = "A page", body = ItemPage),
        (status = 404, description = "There is none, or it is not shared with you", body = Problem),
    )
)]
async fn items(
    State(vault): State<Vault>,
    caller: Caller,
    Known(id): Known<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<Json<ItemPage>, Problem> {
    let page = vault.items(&caller, TrainingSetId(id), paging.after()?, paging.limit).await?;
    Ok(Json(ItemPage { items: page.items, next: page.next }))
}

/// Adds a recording, or a part of it, at the end of a set that you made.
#[utoipa::path(
    post, path = "/v1/training-sets/{id}/items", tag = "Training",
    params(("id" = Uuid, Path, description = "The set")),
    request_body = NewItem,
    responses(
        (status = 201, description = "The item", body = ItemView),
        (status = 403, description = "`not_yours`: somebody else made it", body = Problem),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn add_item(
    State(vault): State<Vault>,
    caller: Caller,
    Known(id): Known<Uuid>,
    Body(new): Body<NewItem>,
) -> Result<(StatusCode, Json<ItemView>), Problem> {
    Ok((StatusCode::CREATED, Json(vault.add_item(&caller, TrainingSetId(id), &new).await?)))
}

/// Takes an item out of a set that you made.
#[utoipa::path(
    delete, path = "/v1/training-sets/{id}/items/{item}", tag = "Training",
    params(
        ("id" = Uuid, Path, description = "The set"),
        ("item" = Uuid, Path, description = "The item"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "`not_yours`: somebody else made it", body = Problem),
        (status = 404, description = "There is none", body = Problem),
    )
)]
async fn drop_item(
    State(vault): State<Vault>,
    caller: Caller,
    Known(path): Known<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    let (id, item) = path;
    vault.drop_item(&caller, TrainingSetId(id), ItemId(item)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The order of a set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    /// The items from the first to the last. What is not named comes after them.
    #[schema(value_type = Vec<Uuid>)]
    items: Vec<ItemId>,
}

/// Puts the items of a set that you made in another order.
#[utoipa::path(
    put, path = "/v1/training-sets/{id}/order", tag = "Training",
    params(("id" = Uuid, Path, description = "The set")),
    request_body = Order,
    responses(
        (status = 204, description = "They are in this order"),
        (status = 403, description = "`not_yours`: somebody else made it", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn order(
    State(vault): State<Vault>,
    caller: Caller,
    Known(id): Known<Uuid>,
    Body(order): Body<Order>,
) -> Result<StatusCode, Problem> {
    vault.order_items(&caller, TrainingSetId(id), &order.items).await?;
    Ok(StatusCode::NO_CONTENT)
}
