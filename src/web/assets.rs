//! What pages load besides themselves: one sheet, one script, one icon, all in the binary. Their
//! addresses carry a hash of their content, so that a browser keeps them and never keeps old ones.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "style.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../../web/style.css"),
    },
    Asset {
        name: "live.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../../web/live.js"),
    },
    Asset {
        name: "icon.svg",
        content_type: "image/svg+xml",
        content: include_str!("../../web/icon.svg"),
    },
];

/// The addresses of the assets, as pages name them.
pub(super) struct Addresses {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

pub(super) static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let [style, script, icon] = ASSETS.map(|asset| {
        let digest = Sha256::digest(asset.content);
        let hash = data_encoding::HEXLOWER.encode(&digest[..6]);
        format!("/assets/{hash}/{}", asset.name)
    });
    Addresses {
        style,
        script,
        icon,
    }
});

pub(super) async fn asset(Path((_hash, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content).into_response()
}
