//! What a request tells.

use http::Request;

/// The values of the parameters in a request's path.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(Box<str>, Box<str>)>);

impl FromIterator<(Box<str>, Box<str>)> for Params {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Box<str>)>>(params: I) -> Self {
        Self(params.into_iter().collect())
    }
}

impl Params {
    /// Makes them part of a request.
    pub(super) fn keep_in<B>(self, request: &mut Request<B>) {
        if !self.0.is_empty() {
            request.extensions_mut().insert(self);
        }
    }
}

/// What handlers want to know of the request that has opened their connection.
pub trait RequestExt {
    /// The value of a parameter in the path: of `room` in `/rooms/{room}`. Percent-encoding is
    /// undone, so it may contain anything, slashes as well.
    fn param(&self, name: &str) -> Option<&str>;
}

impl<B> RequestExt for Request<B> {
    fn param(&self, name: &str) -> Option<&str> {
        let Params(params) = self.extensions().get()?;
        params.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }
}
