//! Memory of a server per TLS handshake that does not go on.

use std::{io::Write, net::TcpStream, thread};

use crate::{
    identity,
    idle::REST,
    process::Process,
    server::{self, Kind, Runtime},
    wire,
};

/// Fewer than a server lets wait by default.
pub(crate) const HANDSHAKES: usize = 1000;

/// How far the clients go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// They say nothing.
    Connected,
    /// They have sent a ClientHello.
    Greeted,
    /// They send no request after the handshake of TLS.
    Encrypted,
}

/// Resident bytes of a server per handshake that does not go on.
pub(crate) fn measure(stage: Stage) -> anyhow::Result<f64> {
    let server = server::Arguments::new(Kind::ServeOwned, Runtime::Current).encrypted();
    let server = Process::start(&server)?;
    let base = server.memory()?;
    let mut clients = Vec::with_capacity(HANDSHAKES);
    for _ in 0..HANDSHAKES {
        clients.push(match stage {
            Stage::Connected => TcpStream::connect(server.addr)?,
            Stage::Greeted => {
                let mut stream = TcpStream::connect(server.addr)?;
                let mut hello = Vec::new();
                identity::connect()?.write_tls(&mut hello)?;
                stream.write_all(&hello)?;
                stream
            }
            Stage::Encrypted => wire::connect_encrypted(server.addr, &[])?.0,
        });
    }
    thread::sleep(REST);
    let growth = server.memory()?.resident - base.resident;
    drop(clients);
    server.end()?;
    Ok(growth as f64 / HANDSHAKES as f64)
}
