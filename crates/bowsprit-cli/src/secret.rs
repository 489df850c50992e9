//! What is on the command line and may be a secret: it is not repeated in errors, which end up in
//! logs, and can be elsewhere, as others can see command lines.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use bowsprit::{
    client::Proxy,
    http::{HeaderName, HeaderValue},
};
use clap::{
    Arg, Command,
    builder::TypedValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// A name, as it is spelled, and a value of a header field.
pub(crate) type Field = (String, HeaderValue);

/// A value itself, or the file that has such values, one in each line.
#[derive(Clone)]
pub(crate) enum Source<T> {
    Given(T),
    File(PathBuf),
}

/// Parses a value; errors tell what is wrong with it, but not the value.
#[derive(Clone)]
pub(crate) struct Secret<T>(pub(crate) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Secret<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parsed = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(self.0);
        parsed.map_err(|why| {
            let argument = argument.map(ToString::to_string).unwrap_or_default();
            let text = format!("invalid value for '{argument}': {why}\n");
            clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(command)
        })
    }
}

/// An error without what was given in a place where nothing belongs. It may be a URL with a
/// password, or a header field whose option was left out.
pub(crate) fn redacted(mut error: clap::Error) -> clap::Error {
    let kinds =
        [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand, ErrorKind::TooManyValues];
    if !kinds.contains(&error.kind()) {
        return error;
    }
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue]
    {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && !text.starts_with('-')
        {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    error
}

pub(crate) fn parse_proxy(text: &str) -> Result<Proxy, String> {
    text.parse().map_err(|error: bowsprit::ConnectError| error.to_string())
}

/// `NAME: VALUE`, or `@FILE`, as curl has it.
pub(crate) fn parse_header(text: &str) -> Result<Source<Field>, String> {
    match text.strip_prefix('@') {
        Some(path) => Ok(Source::File(path.into())),
        None => parse_field(text).map(Source::Given),
    }
}

/// A name, or `@FILE`: no subprotocol has an `@` in its name.
pub(crate) fn parse_subprotocol(text: &str) -> Result<Source<String>, String> {
    Ok(text
        .strip_prefix('@')
        .map_or_else(|| Source::Given(text.to_owned()), |path| Source::File(path.into())))
}

/// `NAME: VALUE` where `{{VARIABLE}}` in the value is that of the environment, as curl has it.
pub(crate) fn parse_expanded_header(text: &str) -> Result<Field, String> {
    let (name, value) = text.split_once(':').ok_or("there is no colon")?;
    parse_field(&format!("{name}:{}", expanded(value)?))
}

fn expanded(text: &str) -> Result<String, String> {
    let mut pieces = text.split("{{");
    let mut expanded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").ok_or("there is no }} after {{")?;
        let value = env::var(name).map_err(|_| "there is no such variable in the environment")?;
        expanded.push_str(&value);
        expanded.push_str(rest);
    }
    Ok(expanded)
}

fn parse_field(text: &str) -> Result<Field, String> {
    let (name, value) = text.split_once(':').ok_or("there is no colon")?;
    let name = name.trim();
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "this is not the name of a header")?;
    let value = value.trim().parse().map_err(|_| "this is not the value of a header")?;
    Ok((name.to_owned(), value))
}

/// The header fields that were given or are in a file.
pub(crate) fn fields(source: &Source<Field>) -> anyhow::Result<Vec<Field>> {
    read(source, parse_field)
}

/// The subprotocols that were given or are in a file.
pub(crate) fn subprotocols(source: &Source<String>) -> anyhow::Result<Vec<String>> {
    read(source, |line| Ok(line.to_owned()))
}

fn read<T: Clone>(
    source: &Source<T>,
    parse: fn(&str) -> Result<T, String>,
) -> anyhow::Result<Vec<T>> {
    match source {
        Source::Given(value) => Ok(vec![value.clone()]),
        Source::File(path) => read_file(path, parse),
    }
}

/// Blank lines are left out.
fn read_file<T>(path: &Path, parse: fn(&str) -> Result<T, String>) -> anyhow::Result<Vec<T>> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let parse = |(index, line)| {
        let parsed = parse(line).map_err(anyhow::Error::msg);
        parsed.with_context(|| format!("line {} of {}", index + 1, path.display()))
    };
    lines.map(parse).collect()
}
