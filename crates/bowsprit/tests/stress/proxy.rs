//! A proxy for TCP that spoils what it carries.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::harness::Random;

/// What goes wrong with one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Both sides see the end of the other.
    Fin,
    /// Both sides are reset.
    Reset,
    /// This direction ends, and the other goes on.
    HalfClose,
    /// Nothing passes for this long.
    Stall(Duration),
}

/// How one direction is carried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    /// So many bytes pass one by one.
    pub(super) single: usize,
    /// The longest pause, in milliseconds, before something passes now and then.
    pub(super) pause: usize,
    /// What happens behind so many bytes.
    pub(super) fault: Option<(usize, Fault)>,
}

/// How a connection ends before its time.
enum Cut {
    Fin,
    Reset,
}

pub(super) struct Proxy {
    pub(super) url: String,
    carried: Arc<AtomicUsize>,
    task: JoinHandle<io::Result<()>>,
}

impl Way {
    /// Slow, but well.
    pub(super) fn slow(random: &mut Random) -> Self {
        let single = if random.once_in(2) { random.below(3000) } else { 0 };
        Self { single, pause: random.below(3), fault: None }
    }

    /// With a fault somewhere, which the connection may survive.
    pub(super) fn faulty(random: &mut Random) -> Self {
        if random.once_in(5) {
            Self::slow(random).with(Fault::Stall(random.time(100)), random)
        } else {
            Self::breaking(random)
        }
    }

    /// With a fault somewhere that ends the connection.
    pub(super) fn breaking(random: &mut Random) -> Self {
        let for_ever = Duration::from_secs(3600);
        let faults = [Fault::Fin, Fault::Reset, Fault::HalfClose, Fault::Stall(for_ever)];
        Self::slow(random).with(faults[random.below(faults.len())], random)
    }

    /// During the opening handshake, or later.
    fn with(self, fault: Fault, random: &mut Random) -> Self {
        let longest = if random.once_in(3) { 400 } else { 30_000 };
        Self { fault: Some((random.below(longest), fault)), ..self }
    }
}

impl Proxy {
    /// Carries connections to `target`; `ways` says how, to the server and back.
    pub(super) async fn start(
        target: SocketAddr,
        mut ways: impl FnMut(usize) -> ([Way; 2], Random) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let carried = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&carried);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let near = listener.accept().await?.0;
                let (ways, random) = ways(counter.fetch_add(1, Ordering::Relaxed));
                connections.spawn(carry(near, target, ways, random));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, carried, task }
    }

    /// How many connections there have been.
    pub(super) fn carried(&self) -> usize {
        self.carried.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut near: TcpStream,
    target: SocketAddr,
    [there, back]: [Way; 2],
    mut random: Random,
) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    // So that a pause is noticed by who sends.
    socket.set_recv_buffer_size(8 * 1024)?;
    let mut far = socket.connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let other = random.fork();
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = far.split();
    let cut = tokio::try_join!(
        pass(near_read, far_write, there, random),
        pass(far_read, near_write, back, other)
    );
    match cut {
        Ok(_) => {}
        Err(Cut::Fin) => {
            let _ended = tokio::join!(near.shutdown(), far.shutdown());
            // A socket that is closed with bytes unread resets its connection.
            let _drained = timeout(Duration::from_secs(1), async {
                tokio::join!(discard(&mut near), discard(&mut far))
            });
            _drained.await.ok();
        }
        Err(Cut::Reset) => {
            near.set_zero_linger()?;
            far.set_zero_linger()?;
        }
    }
    Ok(())
}

/// Carries one direction to its end.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut way: Way,
    mut random: Random,
) -> Result<(), Cut> {
    let (mut block, mut passed) = (vec![0; 16 * 1024], 0);
    loop {
        let len = from.read(&mut block).await.map_err(|_| Cut::Reset)?;
        if len == 0 {
            return to.shutdown().await.map_err(|_| Cut::Reset);
        }
        let mut rest = &block[..len];
        while !rest.is_empty() {
            if let Some((_, fault)) = way.fault.take_if(|(after, _)| passed >= *after) {
                match fault {
                    Fault::Fin => return Err(Cut::Fin),
                    Fault::Reset => return Err(Cut::Reset),
                    Fault::Stall(time) => sleep(time).await,
                    Fault::HalfClose => {
                        let _ended = to.shutdown().await;
                        while from.read(&mut block).await.is_ok_and(|len| len > 0) {}
                        return Ok(());
                    }
                }
            }
            let until_fault = way.fault.map_or(usize::MAX, |(after, _)| after - passed);
            let most = if passed < way.single { 1 } else { until_fault.max(1) };
            let (piece, later) = rest.split_at(rest.len().min(most));
            if way.pause > 0 && random.once_in(50) {
                sleep(random.time(way.pause)).await;
            }
            to.write_all(piece).await.map_err(|_| Cut::Reset)?;
            passed += piece.len();
            rest = later;
        }
    }
}

async fn discard(stream: &mut TcpStream) {
    let mut block = [0; 4096];
    while stream.read(&mut block).await.is_ok_and(|len| len > 0) {}
}
