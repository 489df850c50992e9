//! The command line.

use std::path::PathBuf;

use bowsprit::{
    Deflate,
    client::Proxy,
    deflate::{Backend, ContextTakeover, WindowBits},
    http::HeaderValue,
};
use clap::{Args, Parser, Subcommand, value_parser};

use crate::{
    outcome,
    secret::{
        Field, Secret, Source, parse_expanded_header, parse_header, parse_proxy, parse_subprotocol,
    },
    wait::{self, Wait},
};

/// A WebSocket server and client for the command line.
#[derive(Parser)]
#[command(name = "bowsprit", version, max_term_width = 100, after_help = outcome::HELP)]
pub(crate) struct Arguments {
    /// Log more to stderr: connections, what was negotiated, messages with their lengths in memory
    /// and on the wire
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve an echo at / and /echo, a chat at /chat, and probes at /livez and /readyz: a server
    /// for demonstrations and tests
    Serve(Serve),
    /// Connect to a URL: send lines of stdin, print messages to stdout
    #[command(after_help = outcome::HELP)]
    Connect(Connect),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; a port alone is one of 127.0.0.1, and 0 takes a free one.
    /// `systemd` takes the sockets that a .socket unit has opened
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// The longest message to take, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub(crate) max_message_len: u64,
    /// The most frames that one message may come in
    #[arg(long, value_name = "COUNT", default_value_t = 4096)]
    pub(crate) max_fragments: u32,
    /// A subprotocol to speak; can be given several times [default: the first that a client asks
    /// for]
    #[arg(long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,
    /// Speak version 8 (HyBi drafts) as well as 13
    #[arg(long)]
    pub(crate) protocol_version_8: bool,
    /// Compress messages of clients that offer it. SETTINGS is a comma-separated list of:
    /// level=0-9, mem-level=1-9, threshold=BYTES, chunk=BYTES, takeover (refer to earlier
    /// messages), window=8-15, backend=zlib-rs or backend=zlib (if built with the feature zlib)
    #[arg(long, value_name = "SETTINGS", num_args = 0..=1, require_equals = true,
          default_missing_value = "", value_parser = parse_deflate)]
    pub(crate) deflate: Option<Deflate>,
    /// A host name to answer to, without a port; can be given several times [default: any, but
    /// when listening on this machine alone only names and addresses of its own; behind a reverse
    /// proxy, clients ask for the proxy's name]
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// Encrypt (wss) with the certificates in this PEM file, the server's own first. Files of TLS
    /// are reloaded when they change (they are read every 10 s) and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert, in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Let in only clients that have a certificate of an authority in this PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) client_ca: Option<PathBuf>,
    /// A PEM file with lists of revoked certificates (CRLs) of --client-ca; can be given several
    /// times
    #[arg(long = "crl", value_name = "FILE", requires = "client_ca")]
    pub(crate) crls: Vec<PathBuf>,
    /// After SIGTERM or SIGINT, go on for so long while /readyz is answered 503, so that load
    /// balancers choose another server before this one stops to listen
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) drain_delay: u64,
    /// After SIGTERM or SIGINT, how long clients have to answer the close frame before they
    /// are cut
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) shutdown_timeout: u64,
    /// Within that time, send the close frames at random moments of the first so many seconds, so
    /// that clients do not all connect to the next server at once
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) shutdown_jitter: u64,
    /// Address and port at which Prometheus finds /metrics, and probes /livez and /readyz; whoever
    /// reaches it can read them
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<String>,
    /// Let in pages from anywhere, not only from this server
    #[arg(long)]
    pub(crate) any_origin: bool,
}

#[derive(Args)]
pub(crate) struct Connect {
    /// Where to connect to, such as wss://example.com/chat; ws:// may be left out, as in
    /// localhost:8080
    pub(crate) url: String,
    /// Trust only the authorities in this PEM file, not those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Show the server the certificate in this PEM file
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert, in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Accept any certificate of the server: whoever is on the way can read and change everything
    #[arg(short = 'k', long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// Connect through this proxy, such as socks5h://user:password@host:1080; also http, https,
    /// socks4, socks4a and socks5 [default: what the environment names, as curl reads it, so that
    /// passwords need not be on the command line]
    #[arg(long, value_name = "URL", value_parser = Secret(parse_proxy))]
    pub(crate) proxy: Option<Proxy>,
    /// For an https proxy, trust only the authorities in this PEM file, not those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) proxy_ca: Option<PathBuf>,
    /// Accept any certificate of an https proxy: whoever is on the way there gets its password
    #[arg(long, conflicts_with = "proxy_ca")]
    pub(crate) proxy_insecure: bool,
    /// Follow so many redirects
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) max_redirects: usize,
    /// Connect through no proxy, whatever the environment says
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) no_proxy: bool,
    /// After the end of the input, close once nothing has come for so long: seconds, or a number
    /// with ms, s, m or h. With `forever`, and `</dev/null` for input, follow a feed [default: 5s,
    /// and 0 after Ctrl-D on a terminal]
    #[arg(long, value_name = "TIME", value_parser = wait::parse)]
    pub(crate) wait: Option<Wait>,
    /// Close once so many messages have come, even if the input has not ended
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Send lines as binary messages
    #[arg(long)]
    pub(crate) binary: bool,
    /// A header field to send; can be given several times. As others can see what is on a command
    /// line, @FILE reads secret ones from a file, one from each line, as curl does
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE|@FILE",
          value_parser = Secret(parse_header))]
    pub(crate) headers: Vec<Source<Field>>,
    /// The same, with variables of the environment in the value, such as
    /// 'Authorization: Bearer {{TOKEN}}'
    #[arg(long = "expand-header", value_name = "NAME: VALUE",
          value_parser = Secret(parse_expanded_header))]
    pub(crate) expanded_headers: Vec<Field>,
    /// Do not offer compression
    #[arg(long)]
    pub(crate) no_deflate: bool,
    /// The origin to name
    #[arg(long)]
    pub(crate) origin: Option<HeaderValue>,
    /// A subprotocol to ask for, the most preferred first; can be given several times. @FILE reads
    /// secret ones from a file, one from each line
    #[arg(short = 's', long = "subprotocol", value_name = "NAME|@FILE",
          value_parser = Secret(parse_subprotocol))]
    pub(crate) subprotocols: Vec<Source<String>>,
    /// Send the subprotocols to other origins as well, if a redirect leads there
    #[arg(long)]
    pub(crate) subprotocols_cross_origin: bool,
    /// The version of the protocol to speak
    #[arg(long, value_name = "VERSION", default_value = "13", value_parser = ["8", "13"])]
    pub(crate) protocol_version: String,
}

fn parse_deflate(text: &str) -> Result<Deflate, String> {
    let mut settings = text.split(',').filter(|setting| !setting.is_empty());
    settings.try_fold(Deflate::server(), apply_setting)
}

fn apply_setting(deflate: Deflate, setting: &str) -> Result<Deflate, String> {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    let bytes = || value.parse().map_err(|_| format!("{name} takes a number of bytes"));
    let number = |range: std::ops::RangeInclusive<u8>| {
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("{name} takes a number from {} to {}", range.start(), range.end())
        })
    };
    Ok(match name {
        "level" => deflate.level(number(0..=9)?),
        "mem-level" => deflate.mem_level(number(1..=9)?),
        "threshold" => deflate.threshold(bytes()?),
        "chunk" => deflate.chunk_len(bytes()?),
        "takeover" if value.is_empty() => deflate
            .server_context_takeover(ContextTakeover::Allowed)
            .client_context_takeover(ContextTakeover::Allowed),
        "window" => deflate.server_max_window_bits(WindowBits::AtMost(number(8..=15)?)),
        "backend" => deflate.backend(parse_backend(value)?),
        _ => return Err(format!("there is no setting {setting:?}")),
    })
}

fn parse_backend(name: &str) -> Result<Backend, String> {
    match name {
        "zlib-rs" => Ok(Backend::ZlibRs),
        #[cfg(feature = "zlib")]
        "zlib" => Ok(Backend::Zlib),
        #[cfg(not(feature = "zlib"))]
        "zlib" => Err("this program was built without the feature zlib".into()),
        _ => Err(format!("there is no backend {name:?}")),
    }
}
