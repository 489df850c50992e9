//! What attackers can do, and how much memory that takes, counted by the allocator itself: with
//! `--nocapture` each test tells by how much the server has grown.
//!
//! The attackers are blocking sockets that allocate nothing. One test runs at a time, as all
//! allocations of the process count.

#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    cell::Cell,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use bowsprit::server::ServerBuilder;
use counting::Growth;
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;

#[path = "../../bowsprit-proto/tests/memory/counting.rs"]
mod counting;
#[path = "attacks/open.rs"]
mod open;
#[path = "attacks/opening.rs"]
mod opening;

const KIB: usize = 1024;

/// What the connections of a thread share: a block to read into, and one to write from.
const BLOCKS: usize = 80 * KIB;

/// The time for a handshake; ten seconds by default.
const TIMEOUT: Duration = Duration::from_secs(1);

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

/// A server under attack, alone in this process.
struct Attacked {
    addr: SocketAddr,
    runtime: Option<Runtime>,
    growth: Growth,
    /// The most that was found.
    worst: Cell<usize>,
    _alone: MutexGuard<'static, ()>,
}

impl Attacked {
    fn start(builder: ServerBuilder) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let server = builder.handshake_timeout(TIMEOUT).bind("127.0.0.1:0");
        let server = runtime.block_on(server).unwrap();
        let addr = server.local_addr().unwrap();
        runtime.spawn(server.serve(|mut ws, _| async move {
            while let Some(message) = ws.recv().await? {
                if &message.as_bytes()[..] == b"bye" {
                    break;
                }
                ws.send(message).await?;
            }
            Ok(())
        }));
        let mut attacked = Self {
            addr,
            runtime: Some(runtime),
            growth: Growth::begin(),
            worst: Cell::new(0),
            _alone: alone,
        };
        // What the first connection leaves behind for all others is no growth.
        assert_eq!(attacked.status(format!("{REQUEST}\r\n").as_bytes()), 101);
        sleep(Duration::from_millis(50));
        attacked.growth = Growth::begin();
        attacked
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// A connection from another address of this machine.
    fn connect_from(&self, addr: Ipv4Addr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((addr, 0)).into()).unwrap();
        socket.connect(&self.addr.into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.into()
    }

    /// What a request is answered with.
    fn status(&self, request: &[u8]) -> u16 {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        status(&mut stream)
    }

    /// How much more was allocated at a time since the attack began.
    fn growth(&self) -> usize {
        let peak = self.growth.peak();
        self.worst.set(peak.max(self.worst.get()));
        peak
    }

    /// Waits until what the attack has taken is given back, and until new clients are served.
    fn expect_recovery(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.growth.now() > BLOCKS + 64 * KIB {
            assert!(Instant::now() < deadline, "memory is not given back");
            sleep(Duration::from_millis(10));
        }
        assert_eq!(self.status(format!("{REQUEST}\r\n").as_bytes()), 101);
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        let test = std::thread::current();
        println!("{}: {} bytes", test.name().unwrap_or("an attack"), self.worst.get());
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(5));
    }
}

/// The status of the answer; 0 if the connection ends without one.
fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    match stream.read_exact(&mut head) {
        Ok(()) => std::str::from_utf8(&head[9..]).unwrap().parse().unwrap(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no answer in time"),
        Err(_) => 0,
    }
}

/// Writes `piece` until it has written `len` bytes or the server has had enough.
fn flood(stream: &mut TcpStream, piece: &[u8], len: usize) {
    let mut written = 0;
    while written < len && stream.write_all(piece).is_ok() {
        written += piece.len();
    }
}
