//! Compression contexts: of connections, and of those that look for one.

use std::mem;

use bowsprit_proto::{
    ProtocolError,
    deflate::{Deflate, FrameCompressor, FrameDecompressor, Side, Strategy},
};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    extensions,
    work::{self, Task},
};

/// How many contexts that nobody uses are kept.
const MAX_POOLED: usize = 4;

/// How one side of a connection compresses.
pub(crate) struct Compression {
    side: Side,
    deflate: Deflate,
    /// Kept for later messages, or for later fragments.
    context: Option<FrameCompressor>,
    /// What was compressed, until JavaScript takes it.
    pub(crate) output: Vec<u8>,
}

/// Contexts of connections whose messages do not refer to earlier ones.
#[derive(Default)]
pub(crate) struct Pool(Vec<(Side, Deflate, FrameCompressor)>);

impl Pool {
    fn lend(&mut self, side: &Side, deflate: &Deflate) -> Option<FrameCompressor> {
        let fits = |(other_side, other, _): &(Side, Deflate, FrameCompressor)| {
            other_side == side && other == deflate
        };
        let index = self.0.iter().position(fits)?;
        Some(self.0.swap_remove(index).2)
    }

    fn take_back(&mut self, side: Side, deflate: Deflate, context: FrameCompressor) {
        if self.0.len() < MAX_POOLED {
            self.0.push((side, deflate, context));
        }
    }
}

impl Compression {
    /// The context for the next frame.
    pub(crate) fn take_context(&mut self, pool: &mut Pool) -> FrameCompressor {
        let lent = || pool.lend(&self.side, &self.deflate);
        let context = self.context.take().or_else(lent);
        context.unwrap_or_else(|| FrameCompressor::new(&self.side, &self.deflate))
    }

    /// Ends what `take_context` began.
    pub(crate) fn put_back(&mut self, context: FrameCompressor, fin: bool, pool: &mut Pool) {
        if fin && self.side.no_context_takeover {
            pool.take_back(self.side, self.deflate, context);
        } else {
            self.context = Some(context);
        }
    }
}

/// `openCompression(agreed, isServer, level, memLevel, strategy) -> id`.
pub(crate) fn open(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let parameters = extensions::agreed(&args.text(0).ok_or(Misuse("a header is a string"))?)?;
    let side = if args.int(1)? == 0 { parameters.client } else { parameters.server };
    let small = |index| Ok(u8::try_from(args.int(index)?).unwrap_or(0));
    let strategy = match args.int(4)? {
        1 => Strategy::Filtered,
        2 => Strategy::HuffmanOnly,
        3 => Strategy::Rle,
        4 => Strategy::Fixed,
        _ => Strategy::Default,
    };
    let deflate = Deflate::client().level(small(2)?).mem_level(small(3)?).strategy(strategy);
    let compression = Compression { side, deflate, context: None, output: Vec::new() };
    number(addon.compressions.insert(compression))
}

/// `closeCompression(id)`.
pub(crate) fn close(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    addon.compressions.remove(args.size(0)?);
    Ok(Value::Undefined)
}

/// `compress(id, payload, fin) -> length` of what `takeCompressed` gives.
pub(crate) fn compress(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let Addon { compressions, compressors, .. } = addon;
    let compression = compressions.get_mut(args.size(0)?).ok_or(CLOSED)?;
    let (payload, fin) = (args.bytes(1)?, args.int(2)? != 0);
    let mut context = compression.take_context(compressors);
    compression.output.clear();
    context.frame(&payload, fin, &mut compression.output);
    compression.put_back(context, fin, compressors);
    number(compression.output.len())
}

/// `compressLater(id, payload, fin, callback)`: compresses on the thread pool, and calls
/// `callback(length)` when `takeCompressed` has the result, or `callback(-1)` if the connection was
/// closed meanwhile. Nothing else may be done with `id` until then, except to close it.
pub(crate) fn compress_later(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let id = args.size(0)?;
    let (payload, fin) = (args.bytes(1)?.into_owned(), args.int(2)? != 0);
    let mut compression = addon.compressions.take(id).ok_or(CLOSED)?;
    let context = compression.take_context(&mut addon.compressors);
    let task = Compress { id, payload, fin, context, compression };
    work::queue(addon, args, 3, Box::new(task))
}

/// A payload to compress.
struct Compress {
    id: usize,
    payload: Vec<u8>,
    fin: bool,
    context: FrameCompressor,
    compression: Compression,
}

impl Task for Compress {
    fn run(&mut self) {
        self.compression.output.clear();
        self.context.frame(&self.payload, self.fin, &mut self.compression.output);
    }

    fn settle(self: Box<Self>, addon: &mut Addon, done: bool) -> i32 {
        let Self { id, fin, context, compression, .. } = *self;
        let Addon { compressions, compressors, .. } = addon;
        if !done {
            compressions.lose(id);
            return -1;
        }
        let Some(compression) = compressions.put_back(id, compression) else { return -1 };
        compression.put_back(context, fin, compressors);
        i32::try_from(compression.output.len()).unwrap_or(-1)
    }
}

/// `takeCompressed(id, buffer)`.
pub(crate) fn take_compressed(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let compression = addon.compressions.get_mut(args.size(0)?).ok_or(CLOSED)?;
    copy_out(&mem::take(&mut compression.output), args)
}

/// How the peer of a connection compresses, for those who do without a receiver.
pub(crate) struct Decompression {
    context: FrameDecompressor,
    output: Vec<u8>,
    fault: Option<ProtocolError>,
}

/// `openDecompression(agreed, isServer) -> id`.
pub(crate) fn open_decompression(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let parameters = extensions::agreed(&args.text(0).ok_or(Misuse("a header is a string"))?)?;
    let peer = if args.int(1)? == 0 { parameters.server } else { parameters.client };
    let context = FrameDecompressor::new(&peer, &Deflate::client());
    number(addon.decompressions.insert(Decompression { context, output: Vec::new(), fault: None }))
}

/// `closeDecompression(id)`.
pub(crate) fn close_decompression(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    addon.decompressions.remove(args.size(0)?);
    Ok(Value::Undefined)
}

/// `decompress(id, payload, fin, maxLength) -> length` of what `takeDecompressed` gives, or what is
/// wrong: -1 if it would be longer than `maxLength`, unless that is 0; else -2, and `faultIn`
/// tells.
pub(crate) fn decompress(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let decompression = addon.decompressions.get_mut(args.size(0)?).ok_or(CLOSED)?;
    let (fin, max_len) = (args.int(2)? != 0, max_len(args)?);
    Ok(Value::Int(decompression.frame(&args.bytes(1)?, fin, max_len)))
}

/// `decompressLater(id, payload, fin, maxLength, callback)`: the same on the thread pool; the
/// callback gets the result, or -3 if the context was closed meanwhile. Nothing else may be done
/// with `id` until then, except to close it.
pub(crate) fn decompress_later(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let (id, payload) = (args.size(0)?, args.bytes(1)?.into_owned());
    let (fin, max_len) = (args.int(2)? != 0, max_len(args)?);
    let decompression = addon.decompressions.take(id).ok_or(CLOSED)?;
    let task = Decompress { id, payload, fin, max_len, decompression, result: GONE };
    work::queue(addon, args, 4, Box::new(task))
}

fn max_len(args: &Args) -> Result<usize, Misuse> {
    Ok(Some(args.size(3)?).filter(|max| *max > 0).unwrap_or(usize::MAX - 1))
}

const TOO_LONG: i32 = -1;
const FAULTY: i32 = -2;
const GONE: i32 = -3;

impl Decompression {
    fn frame(&mut self, payload: &[u8], fin: bool, max_len: usize) -> i32 {
        self.output.clear();
        match self.context.frame(payload, fin, max_len, &mut self.output) {
            Ok(()) => i32::try_from(self.output.len()).unwrap_or(TOO_LONG),
            Err(ProtocolError::MessageTooLong) => TOO_LONG,
            Err(error) => {
                self.fault = Some(error);
                FAULTY
            }
        }
    }
}

/// A payload to decompress.
struct Decompress {
    id: usize,
    payload: Vec<u8>,
    fin: bool,
    max_len: usize,
    decompression: Decompression,
    result: i32,
}

impl Task for Decompress {
    fn run(&mut self) {
        self.result = self.decompression.frame(&self.payload, self.fin, self.max_len);
    }

    fn settle(self: Box<Self>, addon: &mut Addon, done: bool) -> i32 {
        let Self { id, decompression, result, .. } = *self;
        if !done {
            addon.decompressions.lose(id);
            return GONE;
        }
        addon.decompressions.put_back(id, decompression).map_or(GONE, |_| result)
    }
}

/// `faultIn(id) -> string`: what is wrong with compressed data.
pub(crate) fn fault_in(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let decompression = addon.decompressions.get_mut(args.size(0)?).ok_or(CLOSED)?;
    Ok(match decompression.fault {
        None => Value::Undefined,
        Some(ProtocolError::Compression(fault)) => Value::Text(fault.to_string()),
        Some(error) => Value::Text(error.to_string()),
    })
}

/// `takeDecompressed(id, buffer)`.
pub(crate) fn take_decompressed(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let decompression = addon.decompressions.get_mut(args.size(0)?).ok_or(CLOSED)?;
    copy_out(&mem::take(&mut decompression.output), args)
}

pub(crate) const CLOSED: Misuse = Misuse("the connection is closed");

fn copy_out(bytes: &[u8], args: &Args) -> Result<Value, Misuse> {
    let out = args.bytes_mut(1, 0)?;
    out.get_mut(..bytes.len()).ok_or(Misuse("a Buffer is too short"))?.copy_from_slice(bytes);
    Ok(Value::Undefined)
}

fn number(number: usize) -> Result<Value, Misuse> {
    Ok(Value::Int(i32::try_from(number).map_err(|_| Misuse("a number is too large"))?))
}
