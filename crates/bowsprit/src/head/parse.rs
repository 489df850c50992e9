//! From bytes to the types of the `http` crate, by httparse.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};
use httparse::{Header, Status};

use super::{
    DEFAULT_MAX_FIELDS,
    error::{Fault, Kind, MAX_TARGET_LEN, Start},
};

/// A head, and how it is read.
pub(crate) trait Head: Sized {
    const KIND: Kind;

    /// Parses the first line and the fields; `None` if there have to be more bytes.
    fn parse<'b>(
        input: &'b [u8],
        fields: &mut [MaybeUninit<Header<'b>>],
    ) -> Result<Option<Parsed<Self>>, Fault>;
}

/// A head with the bytes that it was read from.
#[derive(Debug)]
pub(crate) struct Parsed<H> {
    pub(crate) head: H,
    pub(crate) bytes: Bytes,
}

/// Parses what is there of a head that may have so many fields.
pub(super) fn parse<H: Head>(input: &[u8], max_fields: usize) -> Result<Option<Parsed<H>>, Fault> {
    let parsed = if max_fields <= DEFAULT_MAX_FIELDS {
        let mut fields = [const { MaybeUninit::uninit() }; DEFAULT_MAX_FIELDS];
        H::parse(input, &mut fields[..max_fields])
    } else {
        // No more fields fit into the input than it has lines.
        let mut fields = vec![MaybeUninit::uninit(); max_fields.min(input.len())];
        H::parse(input, &mut fields)
    };
    parsed.map_err(|fault| match fault {
        Fault::TooManyFields(_) => Fault::TooManyFields(max_fields),
        fault => fault,
    })
}

impl Head for Request<()> {
    const KIND: Kind = Kind::Request;

    fn parse<'b>(
        input: &'b [u8],
        fields: &mut [MaybeUninit<Header<'b>>],
    ) -> Result<Option<Parsed<Self>>, Fault> {
        let mut parsed = httparse::Request::new(&mut []);
        let parsing = parsed.parse_with_uninit_headers(input, fields);
        let Status::Complete(len) = parsing.map_err(|error| fault(error, input, Self::KIND))?
        else {
            return Ok(None);
        };
        let source = Source::new(&input[..len]);
        let mut request = Self::new(());
        let method = parsed.method.unwrap_or_default().as_bytes();
        *request.method_mut() =
            Method::from_bytes(method).map_err(|_| Fault::Malformed(INVALID_LINE))?;
        let target = parsed.path.unwrap_or_default().as_bytes();
        if target.len() > MAX_TARGET_LEN {
            return Err(Fault::TargetTooLong);
        }
        *request.uri_mut() = Uri::from_maybe_shared(source.share(target))
            .map_err(|_| Fault::Malformed("the request target is not a valid URI"))?;
        *request.version_mut() = version(parsed.version);
        source.fields(parsed.headers, request.headers_mut())?;
        Ok(Some(Parsed { head: request, bytes: source.bytes }))
    }
}

impl Head for Response<()> {
    const KIND: Kind = Kind::Response;

    fn parse<'b>(
        input: &'b [u8],
        fields: &mut [MaybeUninit<Header<'b>>],
    ) -> Result<Option<Parsed<Self>>, Fault> {
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let parsing = config.parse_response_with_uninit_headers(&mut parsed, input, fields);
        let Status::Complete(len) = parsing.map_err(|error| fault(error, input, Self::KIND))?
        else {
            return Ok(None);
        };
        let source = Source::new(&input[..len]);
        let mut response = Self::new(());
        *response.status_mut() = StatusCode::from_u16(parsed.code.unwrap_or_default())
            .map_err(|_| Fault::Malformed("the status is not between 100 and 999"))?;
        *response.version_mut() = version(parsed.version);
        source.fields(parsed.headers, response.headers_mut())?;
        Ok(Some(Parsed { head: response, bytes: source.bytes }))
    }
}

/// A head's bytes, once as they were parsed and once to be kept.
struct Source<'b> {
    parsed: &'b [u8],
    bytes: Bytes,
}

impl<'b> Source<'b> {
    fn new(parsed: &'b [u8]) -> Self {
        Self { parsed, bytes: Bytes::copy_from_slice(parsed) }
    }

    /// A part of what was parsed, which shares the memory of the rest.
    fn share(&self, part: &[u8]) -> Bytes {
        let start = part.as_ptr().addr().wrapping_sub(self.parsed.as_ptr().addr());
        match start.checked_add(part.len()) {
            Some(end) if end <= self.bytes.len() => self.bytes.slice(start..end),
            // Empty, and from elsewhere.
            _ => Bytes::copy_from_slice(part),
        }
    }

    fn fields(&self, fields: &[Header<'_>], into: &mut HeaderMap) -> Result<(), Fault> {
        let too_many = Fault::TooManyFields(fields.len());
        into.try_reserve(fields.len()).map_err(|_| too_many)?;
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| Fault::Malformed(INVALID_NAME))?;
            let mut value = HeaderValue::from_maybe_shared(self.share(field.value))
                .map_err(|_| Fault::Malformed(INVALID_VALUE))?;
            value.set_sensitive(may_be_secret(&name));
            into.try_append(name, value).map_err(|_| too_many)?;
        }
        Ok(())
    }
}

/// Whether `Debug` is not to show a field's value, as that ends up in logs.
fn may_be_secret(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "authorization"
            | "cookie"
            | "proxy-authorization"
            | "sec-websocket-protocol"
            | "set-cookie"
    )
}

const INVALID_LINE: &str = "the request line is invalid, or not of HTTP/1.1";
const INVALID_NAME: &str = "a header field name contains an invalid character";
const INVALID_VALUE: &str = "a header field value contains an invalid character";

/// httparse knows no others.
const fn version(minor: Option<u8>) -> Version {
    match minor {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

fn fault(error: httparse::Error, input: &[u8], kind: Kind) -> Fault {
    match error {
        httparse::Error::HeaderName => Fault::Malformed(INVALID_NAME),
        httparse::Error::HeaderValue => Fault::Malformed(INVALID_VALUE),
        httparse::Error::NewLine => Fault::Malformed("a line does not end in CR LF"),
        httparse::Error::TooManyHeaders => Fault::TooManyFields(0),
        httparse::Error::Status => Fault::Malformed("the status line is invalid"),
        httparse::Error::Token | httparse::Error::Version => {
            let start = Start::new(input);
            match kind == Kind::Response || start.is_foreign(kind) {
                true => Fault::NotHttp(start),
                false => Fault::Malformed(INVALID_LINE),
            }
        }
    }
}
