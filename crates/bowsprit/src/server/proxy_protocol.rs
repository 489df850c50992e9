//! The PROXY protocol, versions 1 and 2: a header with the client's address at the start of a
//! connection.
//!
//! Exactly the header is read, so that TLS or HTTP can follow on the same transport.

use std::{io, net::SocketAddr};

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The length of version 2's fixed part, which ends in the length of the rest.
const FIXED_LEN: usize = 16;

/// The maximum length of the rest of version 2: addresses and extensions, such as TLS information.
/// The protocol itself allows 64 KiB.
const MAX_REST_LEN: usize = 4096;

/// The longest line of version 1, its end included.
const MAX_LINE_LEN: usize = 107;

/// Reads the header at the start of a transport. Returns the client's address, or `None` if the
/// proxy made the connection itself or does not know the address.
///
/// # Errors
///
/// There is no header, it is malformed or too long, or the transport failed.
pub(crate) async fn read<T: AsyncRead + Unpin>(io: &mut T) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; v2::PROTOCOL_PREFIX.len()];
    io.read_exact(&mut header).await?;
    if header == v2::PROTOCOL_PREFIX {
        read_binary(io, header).await
    } else if header.starts_with(b"PROXY ") {
        read_line(io, header).await
    } else {
        Err(malformed("there is no PROXY header"))
    }
}

async fn read_binary<T: AsyncRead + Unpin>(
    io: &mut T,
    mut header: Vec<u8>,
) -> io::Result<Option<SocketAddr>> {
    let begun = header.len();
    header.resize(FIXED_LEN, 0);
    io.read_exact(&mut header[begun..]).await?;
    let rest_len = usize::from(u16::from_be_bytes([header[FIXED_LEN - 2], header[FIXED_LEN - 1]]));
    if rest_len > MAX_REST_LEN {
        return Err(malformed("the PROXY header is too long"));
    }
    header.resize(FIXED_LEN + rest_len, 0);
    io.read_exact(&mut header[FIXED_LEN..]).await?;
    let header = v2::Header::try_from(&header[..]).map_err(malformed)?;
    Ok(match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(addrs)) => {
            Some((addrs.source_address, addrs.source_port).into())
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(addrs)) => {
            Some((addrs.source_address, addrs.source_port).into())
        }
        _ => None,
    })
}

/// Reads a byte at a time, as bytes after the line do not belong to the header.
async fn read_line<T: AsyncRead + Unpin>(
    io: &mut T,
    mut line: Vec<u8>,
) -> io::Result<Option<SocketAddr>> {
    while !line.ends_with(b"\r\n") {
        if line.len() == MAX_LINE_LEN {
            return Err(malformed("the PROXY line is too long"));
        }
        line.push(io.read_u8().await?);
    }
    let header = v1::Header::try_from(&line[..]).map_err(malformed)?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(addrs) => Some((addrs.source_address, addrs.source_port).into()),
        v1::Addresses::Tcp6(addrs) => Some((addrs.source_address, addrs.source_port).into()),
        v1::Addresses::Unknown => None,
    })
}

fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
