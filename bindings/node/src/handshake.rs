//! The opening handshake: what the core says of the header fields that JavaScript has.
//!
//! Node.js reads and writes HTTP. What is wrong goes to JavaScript as a number, which has the texts
//! of `ws` for it.

use bowsprit_proto::{
    handshake::{ClientHandshake, HandshakeError, Policy, accept_for, key_for, respond},
    subprotocol,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    extensions,
};

/// `keyFor(nonce) -> string`: the key of a request, from 16 random bytes.
pub(crate) fn new_key(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let nonce = args.bytes(0)?;
    let nonce = <[u8; 16]>::try_from(&*nonce).map_err(|_| Misuse("a nonce has 16 bytes"))?;
    Ok(Value::Text(key_for(nonce)))
}

/// `acceptKey(key) -> string`: the answer to a key.
pub(crate) fn accept_key(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let key = args.text(0).ok_or(Misuse("a key is a string"))?;
    Ok(Value::Text(accept_for(&key)))
}

/// `mayRequest(names, count) -> number`: 1 if a client may request these subprotocols, which are
/// joined by NUL.
pub(crate) fn may_request(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let names = args.text(0).ok_or(Misuse("names are a string"))?;
    let names: Vec<&str> = names.split('\0').collect();
    // A name with a NUL in it has become two.
    let may = names.len() == args.size(1)? && subprotocol::first_invalid(&names).is_none();
    Ok(Value::Int(may.into()))
}

/// What `checkRequest` finds wrong first.
#[repr(i32)]
enum RequestFault {
    None = 0,
    Method = 1,
    Upgrade = 2,
    Key = 3,
    Version = 4,
    Body = 5,
}

/// `checkRequest(method, upgrade, key, version, contentLength, transferEncoding) -> fault`.
pub(crate) fn check_request(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let method = args.text(0).and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let Some(method) = method else { return Ok(Value::Int(RequestFault::Method as i32)) };
    let mut request = Request::new(());
    *request.method_mut() = method;
    // Node.js has seen to HTTP itself: that there is a host, and that `Connection` asks for an
    // upgrade.
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    insert(headers, header::UPGRADE, args.text(1));
    insert(headers, header::SEC_WEBSOCKET_KEY, args.text(2));
    insert(headers, header::SEC_WEBSOCKET_VERSION, args.text(3));
    insert(headers, header::CONTENT_LENGTH, args.text(4));
    insert(headers, header::TRANSFER_ENCODING, args.text(5));
    let mut policy = Policy::default();
    policy.accept_version_8 = true;
    policy.sole_upgrade = true;
    let fault = match respond(&request, &policy) {
        Ok(_) => RequestFault::None,
        Err(rejection) => request_fault(&rejection.error),
    };
    Ok(Value::Int(fault as i32))
}

fn request_fault(error: &HandshakeError) -> RequestFault {
    use HandshakeError::{Body, Malformed, Method, Missing, Version};
    match error {
        Method => RequestFault::Method,
        Body => RequestFault::Body,
        Version => RequestFault::Version,
        Missing(header::SEC_WEBSOCKET_KEY) | Malformed(header::SEC_WEBSOCKET_KEY) => {
            RequestFault::Key
        }
        Missing(header::SEC_WEBSOCKET_VERSION) | Malformed(header::SEC_WEBSOCKET_VERSION) => {
            RequestFault::Version
        }
        _ => RequestFault::Upgrade,
    }
}

/// What `checkResponse` finds wrong first.
#[repr(i32)]
enum ResponseFault {
    None = 0,
    Upgrade = 1,
    Accept = 2,
    NoSubprotocol = 3,
    SubprotocolUnasked = 4,
    Subprotocol = 5,
    ExtensionsUnasked = 6,
    Extensions = 7,
    OtherExtension = 8,
}

/// `checkResponse(key, asked, wanted, connection, upgrade, accept, protocol, extensions) -> fault`:
/// judges a response to a request with this key. `asked` are the subprotocols that it asked for,
/// joined by commas, and `wanted` the compression that it offered; both may be `undefined`.
pub(crate) fn check_response(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let key = args.text(0).ok_or(Misuse("a key is a string"))?;
    let asked =
        args.text(1).map_or_else(Vec::new, |names| names.split(',').map(Into::into).collect());
    let wanted = args.text(2).as_deref().map(extensions::wanted_from).transpose()?;
    let (asks, offers) = (!asked.is_empty(), wanted.is_some());
    let mut response = Response::new(());
    // Node.js has seen that it is a 101.
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    insert(headers, header::CONNECTION, args.text(3));
    insert(headers, header::UPGRADE, args.text(4));
    insert(headers, header::SEC_WEBSOCKET_ACCEPT, args.text(5));
    insert(headers, header::SEC_WEBSOCKET_PROTOCOL, args.text(6));
    insert(headers, header::SEC_WEBSOCKET_EXTENSIONS, args.text(7));
    let handshake = ClientHandshake::resume(&key, asked, wanted).with_extensions_as_ws();
    let fault = match handshake.verify(&response) {
        Ok(_) => ResponseFault::None,
        Err(error) => response_fault(&error, asks, offers),
    };
    Ok(Value::Int(fault as i32))
}

fn response_fault(error: &HandshakeError, asks: bool, offers: bool) -> ResponseFault {
    use HandshakeError::{
        Accept, Deflate, Extension, Malformed, Missing, NoSubprotocol, Subprotocol,
    };
    match error {
        Accept
        | Missing(header::SEC_WEBSOCKET_ACCEPT)
        | Malformed(header::SEC_WEBSOCKET_ACCEPT) => ResponseFault::Accept,
        NoSubprotocol => ResponseFault::NoSubprotocol,
        Subprotocol(_) | Malformed(header::SEC_WEBSOCKET_PROTOCOL) if asks => {
            ResponseFault::Subprotocol
        }
        Subprotocol(_) | Malformed(header::SEC_WEBSOCKET_PROTOCOL) => {
            ResponseFault::SubprotocolUnasked
        }
        Extension | Deflate(_) | Malformed(header::SEC_WEBSOCKET_EXTENSIONS) if !offers => {
            ResponseFault::ExtensionsUnasked
        }
        Extension => ResponseFault::OtherExtension,
        Deflate(_) | Malformed(header::SEC_WEBSOCKET_EXTENSIONS) => ResponseFault::Extensions,
        _ => ResponseFault::Upgrade,
    }
}

#[inline(never)]
fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<String>) {
    let Some(value) = value else { return };
    // What cannot be a value is as wrong as an empty one.
    let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""));
    headers.insert(name, value);
}
