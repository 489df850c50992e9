//! Fairness: one connection that floods the server does not keep another from its turn.
//!
//! Server and victim share a current-thread runtime, so what the server does between a message of
//! the victim and its answer can be counted: that number does not depend on how fast the machine is
//! or what else it does.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use bowsprit::{Client, Event, Server, WebSocket, error::BoxError};
use tokio::time::{Duration, Instant, timeout};

/// The test ends when the flood and the victim have both had this much.
const MIN_FLOOD: u64 = 200_000;
const MIN_ROUND_TRIPS: usize = 300;

/// How many events of the flood may come between a message and its answer. The answer takes two
/// or three turns of the runtime.
const MAX_EVENTS: u64 = 2048;

/// The same as a time; generous, as the machine may be busy.
const MAX_TIME: Duration = Duration::from_millis(250);

/// A blocking client that sends the same frame as fast as it can, and takes all answers.
struct Flooder {
    stream: TcpStream,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Flooder {
    fn start(address: SocketAddr, frame: &[u8]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let frames = frame.repeat(64 * 1024 / frame.len());
        let (mut writer, mut reader) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let writing = thread::spawn(move || {
            let request = "GET /flood HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            writer.write_all(request.as_bytes()).unwrap();
            while writer.write_all(&frames).is_ok() {}
        });
        let reading = thread::spawn(move || {
            let mut answers = vec![0; 64 * 1024];
            while reader.read(&mut answers).is_ok_and(|len| len > 0) {}
        });
        Self { stream, threads: vec![writing, reading] }
    }
}

impl Drop for Flooder {
    fn drop(&mut self) {
        let _gone = self.stream.shutdown(Shutdown::Both);
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

/// Echoes; counts what the flood sends.
async fn echo(mut ws: WebSocket, flood: Arc<AtomicU64>) -> Result<(), BoxError> {
    let is_flood = ws.path() == "/flood";
    let (receive, send) = ws.split_mut();
    while let Some(event) = receive.next_event().await? {
        if is_flood {
            flood.fetch_add(1, Ordering::Relaxed);
        }
        match event {
            Event::Text(text) => send.send(text).await?,
            Event::Binary(bytes) => send.send(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}

/// One round trip: the events of the flood that came in between, and the time.
async fn round_trip(victim: &mut WebSocket, flood: &AtomicU64) -> (u64, Duration) {
    let (events, time) = (flood.load(Ordering::Relaxed), Instant::now());
    victim.send("my turn").await.unwrap();
    assert_eq!(victim.recv().await.unwrap(), Some("my turn".into()));
    (flood.load(Ordering::Relaxed) - events, time.elapsed())
}

async fn flood_with(frame: &[u8]) {
    let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let flood = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&flood);
    let serving = tokio::spawn(server.serve(move |ws, _| echo(ws, Arc::clone(&counter))));
    let mut victim = Client::new().connect(&format!("ws://{address}/victim")).await.unwrap();
    let _flooder = Flooder::start(address, frame);
    let (mut events, mut times) = (Vec::new(), Vec::new());
    while flood.load(Ordering::Relaxed) < MIN_FLOOD || times.len() < MIN_ROUND_TRIPS {
        let (between, time) = round_trip(&mut victim, &flood).await;
        // Not yet under way, or held up by the rest of the machine.
        if between > 0 {
            events.push(between);
            times.push(time);
        }
    }
    serving.abort();
    let (events, time) = (percentile_99(events), percentile_99(times));
    println!("p99 of a round trip: {events} events of the flood, {time:?}");
    assert!(events <= MAX_EVENTS, "{events} events of the flood in a round trip");
    assert!(time <= MAX_TIME, "{time:?} for a round trip");
}

fn percentile_99<T: Ord>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values.swap_remove(values.len() * 99 / 100)
}

/// Runs one flood, for a limited time.
fn withstand(frame: &'static [u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let flood = async { timeout(Duration::from_secs(60), flood_with(frame)).await };
    let done = runtime.block_on(flood);
    done.expect("the victim gets no turn");
}

// Frames of a client, all with the masking key 1, 2, 3, 4.

#[test]
fn tiny_messages_do_not_keep_others_from_their_turn() {
    withstand(&[0x81, 0x81, 1, 2, 3, 4, b'a' ^ 1]);
}

#[test]
fn empty_messages_do_not_keep_others_from_their_turn() {
    withstand(&[0x82, 0x80, 1, 2, 3, 4]);
}

#[test]
fn pings_do_not_keep_others_from_their_turn() {
    withstand(&[0x89, 0x80, 1, 2, 3, 4]);
}
