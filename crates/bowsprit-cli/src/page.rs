//! The page that a browser sees.

use bowsprit::{
    Bytes,
    http::{HeaderValue, Method, Request, Response, header},
};

const PAGE: &str = include_str!("page.html");

/// Answers a plain request for `/`.
pub(crate) fn answer(request: &Request<()>) -> Option<Response<Bytes>> {
    let readable = [Method::GET, Method::HEAD].contains(request.method());
    if !readable || request.uri().path() != "/" {
        return None;
    }
    let mut response = Response::new(Bytes::from_static(PAGE.as_bytes()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // No other page may put this one into a frame and have its buttons clicked.
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    Some(response)
}
