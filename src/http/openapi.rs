//! The OpenAPI document, made from the handlers, and a browser for it.

use axum::Router;
use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    App, accounts, challenge, compliance, customers, elsewhere, erasure, erasures, evidence, holds,
    ingest, leaving, ledger, mutes, notes, operator, playback, recordings, restriction, retention,
    session, system, training_sets, webhooks,
};

/// Where the document is served.
const DOCUMENT: &str = "/v1/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "callvault",
        description = "A vault for call recordings: takes them in, keeps them encrypted, plays \
                       them to those who may hear them, and erases them on time.",
    ),
    components(schemas(holds::Openness, holds::Review, crate::vault::Form)),
    modifiers(&Tokens),
    security(("bearer" = []), ("basic" = []), ("cookie" = [])),
)]
struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, scheme) in [("bearer", HttpAuthScheme::Bearer), ("basic", HttpAuthScheme::Basic)]
        {
            let scheme = HttpBuilder::new().scheme(scheme).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(
            "callvault",
            "POST /v1/session sets it; what changes something needs X-CSRF-Token too",
        ));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The routes and the document that describes them: one list.
pub(super) fn api() -> OpenApiRouter<App> {
    let mut api = OpenApiRouter::with_openapi(Document::openapi())
        .merge(ingest::routes())
        .merge(recordings::routes())
        .merge(playback::routes())
        .merge(notes::routes())
        .merge(training_sets::routes())
        .merge(mutes::routes())
        .merge(evidence::routes())
        .merge(erasure::routes())
        .merge(erasures::routes())
        .merge(compliance::routes())
        .merge(restriction::routes())
        .merge(holds::routes())
        .merge(ledger::routes())
        .merge(challenge::routes())
        .merge(customers::routes())
        .merge(leaving::routes())
        .merge(webhooks::routes())
        .merge(retention::routes())
        .merge(session::routes())
        .merge(elsewhere::routes())
        .merge(accounts::routes())
        .merge(operator::routes())
        .merge(system::routes());
    // The star says to the router that slashes belong to it; the document knows no such thing.
    let paths = &mut api.get_openapi_mut().paths.paths;
    *paths = std::mem::take(paths)
        .into_iter()
        .map(|(path, item)| {
            let path = path.replace("{*", "{");
            let item = named(&path, item);
            (path, item)
        })
        .collect();
    api
}

/// Names each operation by its method and path. The names of handlers repeat from file to file, and an
/// operation's must not.
fn named(path: &str, mut item: PathItem) -> PathItem {
    let words: Vec<_> = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !matches!(*word, "" | "v1"))
        .collect();
    let words = words.join("_");
    for (method, operation) in [
        ("get", &mut item.get),
        ("head", &mut item.head),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ] {
        if let Some(operation) = operation {
            operation.operation_id = Some(format!("{method}_{words}"));
        }
    }
    item
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    api().split_for_parts().1
}

/// The document under its address, and a page to try it on.
pub(super) fn browser(document: utoipa::openapi::OpenApi) -> Router<App> {
    let config = Config::default().try_it_out_enabled(true).validator_url("none");
    SwaggerUi::new("/docs").url(DOCUMENT, document).config(config).into()
}
