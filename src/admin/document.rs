//! The API's routes and their OpenAPI document, made of one list; and `GET /api/v1/openapi.json`.

use std::sync::LazyLock;

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
    SecurityRequirement,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{
    Shared, audit, events, explain, forget, leads, links, mappings, parked, plan, rejects, replay,
    targets,
};

/// Every answer that says no, as `application/problem+json`.
#[derive(Serialize, ToSchema)]
struct Problem {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    /// Also in the log.
    request_id: Uuid,
}

/// Every route of the API.
pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(events::list_events))
        .routes(routes!(
            replay::replay_progress,
            replay::start_replay,
            replay::cancel_replay
        ))
        .routes(routes!(events::show_event))
        .routes(routes!(explain::explain_event))
        .routes(routes!(forget::forget_lead))
        .routes(routes!(leads::show_lead))
        .routes(routes!(parked::list_parked))
        .routes(routes!(parked::release_parked))
        .routes(routes!(parked::discard_parked))
        .routes(routes!(
            links::list_links,
            links::set_link,
            links::set_links
        ))
        .routes(routes!(targets::list_targets))
        .routes(routes!(targets::pause_target))
        .routes(routes!(targets::resume_target))
        .routes(routes!(mappings::list_mappings))
        .routes(routes!(mappings::list_versions))
        .routes(routes!(mappings::show_table))
        .routes(routes!(mappings::reload_mappings))
        .routes(routes!(explain::try_mapping))
        .routes(routes!(explain::explain))
        .routes(routes!(
            plan::plan_progress,
            plan::start_plan,
            plan::cancel_plan
        ))
        .routes(routes!(rejects::list_rejects))
        .routes(routes!(audit::list_audit))
        .routes(routes!(show_document))
}

/// The document, as JSON.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let (_, document) = routes().split_for_parts();
        serde_json::to_value(completed(document)).unwrap_or_default()
    });
    &DOCUMENT
}

/// What is the same of every route stands here once.
fn completed(mut document: OpenApi) -> OpenApi {
    let mut schemas = Vec::new();
    <Problem as ToSchema>::schemas(&mut schemas);
    let schema = <Problem as utoipa::PartialSchema>::schema();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .schema("Problem", schema)
        .security_scheme("token", SecurityScheme::Http(bearer.build()));
    let refused = ResponseBuilder::new()
        .description("It was not done")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert(String::from("default"), refused.clone().into());
        }
    }
    OpenApiBuilder::from(document)
        .info(
            InfoBuilder::new()
                .title("leadping-bridge: admin API")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "For operators and their tools. Lists come in pages: go on with `cursor` = the last page's `next_cursor` until there is none.",
                ))
                .build(),
        )
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(
            "token",
            [],
        )]))
        .build()
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "document",
    responses((status = 200, body = Value)))]
async fn show_document() -> Json<&'static Value> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_openapi_3_1_and_every_operation_says_what_it_does() {
        let document = document();
        let version = document["openapi"].as_str().unwrap();
        assert!(version.starts_with("3.1"), "{version}");
        let mut operations = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations += 1;
                assert!(operation["summary"].is_string(), "{method} {path}");
                let refused = &operation["responses"]["default"]["content"];
                assert_ne!(refused["application/problem+json"], json!(null), "{path}");
            }
        }
        assert!(operations > 20, "{operations}");
    }
}
