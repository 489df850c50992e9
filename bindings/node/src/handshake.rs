//! The opening handshake: what the core says of the header fields that JavaScript has.

use bowsprit_proto::handshake::{HandshakeError, Policy, accept_for, respond};
use http::{HeaderValue, Method, Request, header};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
};

/// `acceptKey(key) -> string`: the answer to a key.
pub(crate) fn accept_key(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let key = args.text(0).ok_or(Misuse("a key is a string"))?;
    Ok(Value::Text(accept_for(&key)))
}

/// `isUpgradeToWebSocket(upgrade) -> number`: 1 if the answer's `Upgrade` is right. §4.1 (2): "an
/// ASCII case-insensitive match for the value "websocket"".
pub(crate) fn is_upgrade_to_websocket(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let is_right = args.text(0).is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    Ok(Value::Int(is_right.into()))
}

/// What `checkRequest` finds wrong first.
#[repr(i32)]
enum Fault {
    None = 0,
    Method = 1,
    Upgrade = 2,
    Key = 3,
    Version = 4,
    Body = 5,
}

/// `checkRequest(method, upgrade, key, version, hasBody) -> fault`.
pub(crate) fn check_request(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let (method, upgrade, version) = (args.text(0), args.text(1), args.text(3));
    let request = Fields { method, upgrade, key: args.text(2), has_body: args.int(4)? != 0 };
    Ok(Value::Int(request.fault(version.as_deref()) as i32))
}

/// The fields of a request that the fault depends on.
struct Fields {
    method: Option<String>,
    upgrade: Option<String>,
    key: Option<String>,
    has_body: bool,
}

impl Fields {
    fn fault(&self, version: Option<&str>) -> Fault {
        // Of several protocols that a client could upgrade to, `ws` chooses none.
        if self.upgrade.as_deref().is_some_and(|upgrade| upgrade.contains(',')) {
            return if self.method.as_deref() == Some("GET") {
                Fault::Upgrade
            } else {
                Fault::Method
            };
        }
        match self.check(version) {
            // A wrong version is told only to who has a key.
            Fault::Version => match self.check(Some("13")) {
                Fault::None => Fault::Version,
                fault => fault,
            },
            fault => fault,
        }
    }

    fn check(&self, version: Option<&str>) -> Fault {
        let Some(request) = self.request(version) else { return Fault::Method };
        let policy = {
            let mut policy = Policy::default();
            policy.accept_version_8 = true;
            policy
        };
        match respond(&request, &policy).map_err(|rejection| rejection.error) {
            Ok(_) => Fault::None,
            Err(HandshakeError::Method) => Fault::Method,
            Err(HandshakeError::Body) => Fault::Body,
            Err(HandshakeError::Version) => Fault::Version,
            Err(HandshakeError::Missing(name) | HandshakeError::Malformed(name)) => match name {
                header::SEC_WEBSOCKET_KEY => Fault::Key,
                header::SEC_WEBSOCKET_VERSION => Fault::Version,
                _ => Fault::Upgrade,
            },
            Err(_) => Fault::Upgrade,
        }
    }

    /// The request as far as Node.js leaves it to be judged. It has seen to HTTP itself: that there
    /// is a host, and that `Connection` asks for an upgrade.
    fn request(&self, version: Option<&str>) -> Option<Request<()>> {
        let method = Method::from_bytes(self.method.as_deref()?.as_bytes()).ok()?;
        let mut request = Request::new(());
        *request.method_mut() = method;
        let fields = [
            (header::HOST, Some("localhost")),
            (header::CONNECTION, Some("Upgrade")),
            (header::UPGRADE, self.upgrade.as_deref()),
            (header::SEC_WEBSOCKET_KEY, self.key.as_deref()),
            (header::SEC_WEBSOCKET_VERSION, version),
            (header::TRANSFER_ENCODING, self.has_body.then_some("chunked")),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                // What cannot be a value is as wrong as an empty one.
                let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
                request.headers_mut().insert(name, value);
            }
        }
        Some(request)
    }
}
