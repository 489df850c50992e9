//! Header lists, and what permessage-deflate is agreed on.
//!
//! Lists go to JavaScript as text that is easy to read there: JSON, which needs no escapes, as
//! every name and value is a token.

use std::fmt::Write;

use bowsprit_proto::{
    deflate::{ContextTakeover, Deflate, NegotiationError, OfferPolicy, Parameters, WindowBits},
    extension::{self, Extension},
    subprotocol::{self, InvalidSubprotocols},
};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
};

/// `parseExtensions(header) -> json | position`: `[["name",[["parameter","value" | true]]]]`, or
/// where the header stops to match its grammar.
pub(crate) fn parse(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let header = args.text(0).ok_or(Misuse("a header is a string"))?;
    Ok(match extension::parse_strict(&header) {
        Ok(extensions) => Value::Text(list(extensions.iter().map(json))),
        Err(error) => position(error.position),
    })
}

/// `parseSubprotocols(header) -> json | position | name`: a list of names, where the header stops
/// to match its grammar, or the name that stands there twice.
pub(crate) fn parse_subprotocols(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let header = args.text(0).ok_or(Misuse("a header is a string"))?;
    Ok(match subprotocol::parse_strict(&header) {
        Ok(names) => Value::Text(list(names.iter().map(|name| format!("\"{name}\"")))),
        Err(InvalidSubprotocols::Position(at)) => position(at),
        Err(InvalidSubprotocols::Duplicate(range)) => Value::Text(header[range].to_owned()),
        Err(_) => position(header.len()),
    })
}

/// `formatExtensions(flat) -> header`: each line is an extension. Its fields are separated by tabs;
/// all but the first are parameters, with U+001F before a value.
pub(crate) fn format(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let flat = args.text(0).ok_or(Misuse("a list is a string"))?;
    let extensions: Vec<String> = flat.lines().map(|line| unflatten(line).to_string()).collect();
    Ok(Value::Text(extensions.join(", ")))
}

fn unflatten(line: &str) -> Extension<'_> {
    let mut fields = line.split('\t');
    let extension = Extension::new(fields.next().unwrap_or_default());
    fields.fold(extension, |extension, field| match field.split_once('\u{1f}') {
        None => extension.with_flag(field),
        Some((name, value)) => extension.with_parameter(name, value),
    })
}

fn list(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}

fn json(extension: &Extension<'_>) -> String {
    let parameters = extension.parameters.iter().map(|parameter| match &parameter.value {
        None => format!("[\"{}\",true]", parameter.name),
        Some(value) => format!("[\"{}\",\"{value}\"]", parameter.name),
    });
    format!("[\"{}\",{}]", extension.name, list(parameters))
}

fn position(at: usize) -> Value {
    Value::Int(i32::try_from(at).unwrap_or(i32::MAX))
}

/// Reads what JavaScript wants of permessage-deflate: whether it is a server, and one number for
/// each parameter. Of takeover: 0 never, 1 if it may be, 2 always. Of windows: -1 unspecified, 0
/// any, else exactly so many bits.
fn wanted(args: &Args) -> Result<(bool, Deflate), Misuse> {
    let deflate = deflate([args.int(1)?, args.int(2)?, args.int(3)?, args.int(4)?]);
    Ok((args.int(0)? != 0, deflate))
}

/// The same from a text of these numbers.
pub(crate) fn wanted_from(text: &str) -> Result<Deflate, Misuse> {
    let numbers: Option<Vec<i32>> = text.split(',').map(|number| number.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[_, server_takeover, client_takeover, server_window, client_window]) => {
            Ok(deflate([server_takeover, client_takeover, server_window, client_window]))
        }
        _ => Err(Misuse("five numbers were expected")),
    }
}

fn deflate([server_takeover, client_takeover, server_window, client_window]: [i32; 4]) -> Deflate {
    let takeover = |number| match number {
        0 => ContextTakeover::Never,
        2 => ContextTakeover::Required,
        _ => ContextTakeover::Allowed,
    };
    let window = |number| match u8::try_from(number) {
        Err(_) => WindowBits::Unspecified,
        Ok(0) => WindowBits::Any,
        Ok(bits) => WindowBits::Exactly(bits),
    };
    Deflate::client()
        .server_context_takeover(takeover(server_takeover))
        .client_context_takeover(takeover(client_takeover))
        .server_max_window_bits(window(server_window))
        .client_max_window_bits(window(client_window))
}

/// `offerDeflate(isServer, …wanted) -> header`.
pub(crate) fn offer(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    Ok(Value::Text(wanted(args)?.1.offer().to_string()))
}

/// `negotiateDeflate(isServer, …wanted, header) -> json`: `["ok", agreed]` or what is wrong, with
/// the name of the parameter and its value.
pub(crate) fn negotiate(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let (is_server, deflate) = wanted(args)?;
    let header = args.text(5).ok_or(Misuse("a header is a string"))?;
    let extensions = extension::parse(&header).map_err(|_| Misuse("the header is invalid"))?;
    let agreed = if is_server {
        deflate
            .accept(&extensions, OfferPolicy::Refuse)
            .and_then(|agreed| agreed.ok_or(NegotiationError::NoAcceptableOffer))
    } else {
        deflate.verify_first(&extensions)
    };
    Ok(Value::Text(match agreed {
        Ok(parameters) => fields(["ok", &parameters.to_string()]),
        Err(error) => describe(&error),
    }))
}

fn describe(error: &NegotiationError) -> String {
    match error {
        NegotiationError::UnknownParameter { name, .. } => fields(["unknown", name]),
        NegotiationError::RepeatedParameter { name, .. } => fields(["repeated", name]),
        NegotiationError::InvalidValue { name, value, .. } => {
            fields(["invalid", name, value.as_deref().unwrap_or("true")])
        }
        NegotiationError::NotOffered(name) => fields(["unexpected", name]),
        NegotiationError::NotGranted(name) => fields(["missing", name]),
        _ => fields(["none"]),
    }
}

fn fields<'f>(fields: impl IntoIterator<Item = &'f str>) -> String {
    let mut json = String::from("[");
    for (index, field) in fields.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Names, values and what was agreed on are made of tokens, blanks, semicolons and equals
        // signs.
        let _never_fails = write!(json, "{comma}\"{field}\"");
    }
    json + "]"
}

/// What was agreed on, from its text.
pub(crate) fn agreed(text: &str) -> Result<Parameters, Misuse> {
    let invalid = Misuse("that cannot have been agreed on");
    let extensions = extension::parse(text).map_err(|_| invalid)?;
    let answer = extensions.first().ok_or(invalid)?;
    Deflate::client().verify(answer).map_err(|_| invalid)
}
