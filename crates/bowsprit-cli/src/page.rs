//! The page that a browser sees.

use bowsprit::{
    Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header},
};

/// Nothing from elsewhere, nothing inline, and no other page may put this one into a frame and have
/// its buttons clicked.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Answers a plain request for the page or a part of it.
pub(crate) fn answer(request: &Request<()>) -> Option<Response<Bytes>> {
    let readable = [Method::GET, Method::HEAD].contains(request.method());
    if !readable {
        return None;
    }
    let (content_type, text) = match request.uri().path() {
        "/" => ("text/html; charset=utf-8", include_str!("page.html")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page.css")),
        "/page.js" => ("text/javascript; charset=utf-8", include_str!("page.js")),
        _ => return None,
    };
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    let fields = HEADERS.into_iter().chain([(header::CONTENT_TYPE, content_type)]);
    let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
    *response.headers_mut() = fields.collect::<HeaderMap>();
    Some(response)
}
