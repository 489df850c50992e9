//! That memory comes back to the system when those have gone who made the server take it.
//!
//! The resident memory of this process is looked at, so there is one test, and nothing else in the
//! process. The attackers send the same bytes and read nothing.

#![cfg(all(feature = "server", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bowsprit::{Deflate, Server, deflate::ContextTakeover, error::BoxError};
use bowsprit_proto::{
    Output, Sender,
    handshake::{ClientHandshake, Offer, Policy, respond},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Notify,
};

const MIB: usize = 1024 * 1024;
const CONNECTIONS: usize = 300;

/// What may stay of the worst attack.
const MAX_LEFT: usize = 16 * MIB;

/// How long it may take to come back.
const MAX_WAIT: Duration = Duration::from_secs(10);

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; \
    client_no_context_takeover; server_no_context_takeover\r\n";

#[derive(Default)]
struct Echoed {
    count: AtomicUsize,
    changed: Notify,
}

/// What each attacker sends.
struct Attack {
    name: &'static str,
    fields: &'static str,
    deflate: Option<Deflate>,
    frame: Output,
}

/// Fills the payload with bytes that cannot be compressed.
fn make_noise(payload: &mut [u8]) {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for word in payload.as_chunks_mut().0 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *word = state.to_le_bytes();
    }
}

/// A message as a client's frame.
fn frame(mut sender: Sender, payload: &[u8]) -> Output {
    let mut output = Output::new();
    sender.binary(payload, &mut output).unwrap();
    output
}

fn plain() -> Sender {
    Sender::client(|| [1, 2, 3, 4])
}

fn compressing() -> Sender {
    let url = "ws://localhost/".parse().unwrap();
    let (mut offer, mut policy) = (Offer::default(), Policy::default());
    offer.deflate = Some(Deflate::client().client_context_takeover(ContextTakeover::Never));
    policy.deflate = Some(Deflate::server());
    let (_, request) = ClientHandshake::new(&url, &offer, [7; 16]).unwrap();
    let agreed = respond(&request, &policy).unwrap().negotiated.deflate.unwrap();
    plain().with_deflate(&agreed, &Deflate::client())
}

/// Connects, sends, and does not read.
async fn attack(addr: SocketAddr, attack: Arc<Attack>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(addr).await.unwrap();
    stream.write_all(format!("{REQUEST}{}\r\n", attack.fields).as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(stream.read_u8().await.unwrap());
    }
    assert!(response.starts_with(b"HTTP/1.1 101"));
    let deflate = String::from_utf8_lossy(&response).to_lowercase().contains("permessage-deflate");
    assert_eq!(deflate, !attack.fields.is_empty());
    for slice in attack.frame.slices() {
        stream.write_all(slice).await.unwrap();
    }
    stream
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Has a server echo what those send who then go; returns what it took.
async fn suffer(connections: usize, from: &Arc<Attack>) -> usize {
    let echoed = Arc::new(Echoed::default());
    // Or the system would have room for what is not read.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1024).unwrap();
    let server = Server::builder().deflate(from.deflate).listen_on(listener);
    let (addr, counted) = (server.local_addr().unwrap(), Arc::clone(&echoed));
    let serving = tokio::spawn(server.serve(move |mut ws, _| {
        let echoed = Arc::clone(&counted);
        async move {
            while let Some(message) = ws.recv().await? {
                assert_eq!(message.len(), MIB);
                let sent = ws.send(message).await;
                echoed.count.fetch_add(1, Ordering::Relaxed);
                echoed.changed.notify_one();
                sent?;
            }
            Ok::<(), BoxError>(())
        }
    }));
    let attacks: Vec<_> =
        (0..connections).map(|_| tokio::spawn(attack(addr, Arc::clone(from)))).collect();
    let mut open = Vec::new();
    for attack in attacks {
        open.push(attack.await.unwrap());
    }
    while echoed.count.load(Ordering::Relaxed) < connections {
        echoed.changed.notified().await;
    }
    let worst = resident();
    drop(open);
    serving.abort();
    worst
}

/// Waits until no more than this is resident; returns what is, if that takes too long.
async fn wait_for(max: usize) -> Result<Duration, usize> {
    let begin = Instant::now();
    while resident() > max {
        if begin.elapsed() > MAX_WAIT {
            return Err(resident());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(begin.elapsed())
}

fn attacks() -> [Attack; 3] {
    // A long block from the heap would raise the length from which the allocator maps them, and
    // what it keeps of each of its heaps.
    static PAYLOAD: Mutex<[u8; MIB]> = Mutex::new([0; MIB]);
    let mut payload = PAYLOAD.lock().unwrap();
    let zeros = frame(compressing(), &payload[..]);
    make_noise(&mut payload[..]);
    [
        Attack { name: "echoed", fields: "", deflate: None, frame: frame(plain(), &payload[..]) },
        Attack {
            name: "inflated",
            fields: DEFLATE,
            deflate: Some(Deflate::server()),
            frame: zeros,
        },
        Attack {
            name: "inflated, and as long again when compressed",
            fields: DEFLATE,
            deflate: Some(Deflate::server()),
            frame: frame(compressing(), &payload[..]),
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_comes_back_when_those_have_gone_who_took_it() {
    let attacks = attacks().map(Arc::new);
    for attack in &attacks {
        // What the first connection leaves behind for all others is no growth.
        suffer(1, attack).await;
    }
    let start = resident();
    let mut left = Vec::new();
    for attack in &attacks {
        let name = attack.name;
        let worst = suffer(CONNECTIONS, attack).await;
        let back = wait_for(start + MAX_LEFT).await;
        println!("{name}: {} MiB at the worst, back after {back:?}", worst / MIB);
        left.extend(back.err().map(|left| (name, (left - start) / MIB)));
    }
    assert!(left.is_empty(), "MiB above the start after ten seconds: {left:?}");
}
