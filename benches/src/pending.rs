//! Memory of a server per handshake that does not go on.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpStream},
    thread,
};

use crate::{identity, idle::REST, process::Process, wire};

/// Fewer than a server lets wait by default.
pub(crate) const HANDSHAKES: usize = 1000;

/// Addresses that clients come from.
const SOURCES: u8 = 16;

/// As much of a head as has come, in two parts.
const HEAD_LEN: usize = 1024;

/// Addresses of clients, so that there are few handshakes from each.
pub(crate) fn sources() -> Vec<Ipv4Addr> {
    (1..=SOURCES).map(|number| Ipv4Addr::new(127, 0, 1, number)).collect()
}

/// How far the clients go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// They say nothing.
    Silent,
    /// They have sent a part of their request, without TLS.
    Begun,
    /// They have sent a ClientHello.
    Greeted,
    /// They send no request after the handshake of TLS.
    Encrypted,
}

/// Resident bytes of a server per handshake that does not go on.
pub(crate) fn measure(server: Process, stage: Stage) -> anyhow::Result<f64> {
    let base = server.memory()?;
    let mut clients = Vec::with_capacity(HANDSHAKES);
    for (_, source) in (0..HANDSHAKES).zip(sources().iter().cycle()) {
        let mut stream = wire::connect_tcp(server.addr, Some(*source))?;
        stage.reach(&mut stream)?;
        clients.push(stream);
    }
    thread::sleep(REST);
    if stage == Stage::Begun {
        clients.iter_mut().try_for_each(|stream| stream.write_all(&[b'c'; HEAD_LEN / 2]))?;
        thread::sleep(REST);
    }
    let growth = server.memory()?.resident - base.resident;
    drop(clients);
    server.end()?;
    Ok(growth as f64 / HANDSHAKES as f64)
}

impl Stage {
    fn reach(self, stream: &mut TcpStream) -> anyhow::Result<()> {
        match self {
            Self::Silent => {}
            Self::Begun => {
                let mut head = b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ".to_vec();
                head.resize(HEAD_LEN / 2, b'c');
                stream.write_all(&head)?;
            }
            Self::Greeted => {
                let mut hello = Vec::new();
                identity::connect()?.write_tls(&mut hello)?;
                stream.write_all(&hello)?;
            }
            Self::Encrypted => drop(wire::encrypt(stream)?),
        }
        Ok(())
    }
}
