//! An echo server without a runtime: the protocol of `bowsprit-proto`, driven by blocking sockets.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin sans-io
//! ```

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use bowsprit_proto::{
    Connection, Event, Limits, Output, Progress, ReceiveBuffer, Receiver, Role, Sender, State,
    handshake::{Policy, respond},
};
use http::{Request, Response};

const MAX_HEAD_LEN: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(|| {
            if let Err(error) = serve(stream) {
                eprintln!("connection failed: {error}");
            }
        });
    }
    Ok(())
}

/// Runs one connection, from the handshake to the end.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // ANCHOR: handshake
    let (request, surplus) = read_request(&mut stream)?;
    match respond(&request, &Policy::default()) {
        Ok(accepted) => {
            stream.write_all(&head(&accepted.response))?;
            stream.set_read_timeout(None)?;
            echo(stream, &surplus)
        }
        Err(rejection) => {
            stream.write_all(&head(&rejection.response))?;
            stream.write_all(rejection.response.body().as_bytes())
        }
    }
    // ANCHOR_END: handshake
}

/// Reads up to the end of the request head; also returns what the client has sent after it.
fn read_request(stream: &mut TcpStream) -> io::Result<(Request<()>, Vec<u8>)> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_HEAD_LEN {
        let mut block = [0; 1024];
        match stream.read(&mut block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => bytes.extend(&block[..len]),
        }
        if let Some((request, head_len)) = parse_request(&bytes)? {
            return Ok((request, bytes.split_off(head_len)));
        }
    }
    Err(io::Error::other("the request's head is too long"))
}

/// The request and the length of its head, once that is complete.
fn parse_request(bytes: &[u8]) -> io::Result<Option<(Request<()>, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head_len) = head.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let mut request = Request::builder()
        .method(head.method.unwrap_or_default())
        .uri(head.path.unwrap_or_default())
        .version(if head.version == Some(1) {
            http::Version::HTTP_11
        } else {
            http::Version::HTTP_10
        });
    for field in head.headers {
        request = request.header(field.name, field.value);
    }
    Ok(Some((request.body(()).map_err(io::Error::other)?, head_len)))
}

fn head<B>(response: &Response<B>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

/// Echoes messages until the connection is closed.
fn echo(mut stream: TcpStream, surplus: &[u8]) -> io::Result<()> {
    // ANCHOR: loop
    let receiver = Receiver::new(Role::Server, Limits::SERVER);
    let mut connection = Connection::new(receiver, Sender::server());
    let mut input = ReceiveBuffer::new();
    let mut output = Output::new();
    input.extend(surplus);
    while connection.state() != State::Closed {
        match connection.receive(&mut input, &mut output).progress {
            // ANCHOR_END: loop
            // ANCHOR: need-data
            Ok(Progress::NeedData) => {
                write_out(&mut stream, &mut output)?;
                match stream.read(input.spare_mut())? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    len => input.advance(len),
                }
            }
            // ANCHOR_END: need-data
            // One read may hold many messages: ask again before writing.
            Ok(_) => {
                let sender = connection.sender();
                match input.event() {
                    Some(Event::Text(text)) => sender.text(text, &mut output),
                    Some(Event::Binary(bytes)) => sender.binary(bytes, &mut output),
                    // Pings and close frames were answered already.
                    _ => Ok(()),
                }
                .map_err(io::Error::other)?;
            }
            // The output ends with a close frame that tells the peer.
            Err(error) => {
                write_out(&mut stream, &mut output)?;
                return Err(io::Error::other(error));
            }
        }
    }
    write_out(&mut stream, &mut output)
}

// ANCHOR: write
fn write_out(stream: &mut TcpStream, output: &mut Output) -> io::Result<()> {
    while !output.is_empty() {
        let slices: Vec<_> = output.slices().map(io::IoSlice::new).collect();
        let written = stream.write_vectored(&slices)?;
        output.advance(written);
    }
    Ok(())
}
// ANCHOR_END: write
