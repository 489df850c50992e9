//! Pages of other origins.

// ANCHOR: list
use bowsprit::{
    Server,
    server::{OriginPolicy, ServerBuilder},
};

/// Besides pages of its own, the server accepts those of a front end in development.
pub(crate) fn with_front_end() -> ServerBuilder {
    let front_end = OriginPolicy::SameAnd(vec!["http://localhost:5173".into()]);
    Server::builder().allowed_origins(front_end)
}
// ANCHOR_END: list

// ANCHOR: matching
/// Accepts all pages of a site, whatever the subdomain.
pub(crate) fn with_subdomains() -> ServerBuilder {
    let site = OriginPolicy::matching(|origin| {
        let host = origin.strip_prefix("https://").unwrap_or_default();
        host == "example.com" || host.ends_with(".example.com")
    });
    Server::builder().allowed_origins(site)
}
// ANCHOR_END: matching
