//! What compresses and decompresses: zlib-rs, or zlib where that was chosen.

use super::{CompressorConfig, Strategy};

/// The library that compresses and decompresses messages.
///
/// ```
/// use bowsprit_proto::deflate::{Backend, Deflate};
///
/// assert_eq!(Deflate::server().backend, Backend::ZlibRs);
/// let deflate = Deflate::server().backend(Backend::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// [zlib-rs](https://docs.rs/zlib-rs): pure Rust and fast, with contexts of at least 137 kB for
    /// compressing and 48 kB for decompressing.
    #[default]
    ZlibRs,
    /// zlib, in C, built from source: up to three times slower, with contexts as small as 10 kB and
    /// 8 kB.
    #[cfg(feature = "zlib")]
    Zlib,
}

/// Does the same with the context of either library.
macro_rules! either {
    ($self:ident, $context:ident => $result:expr) => {
        match $self {
            Self::ZlibRs($context) => $result,
            #[cfg(feature = "zlib")]
            Self::Zlib($context) => $result,
        }
    };
}

/// A configuration in the types of one of the libraries, which have the same names.
macro_rules! new_deflate {
    ($library:ident, $config:ident) => {
        $library::Deflate::new_with_config($library::DeflateConfig {
            level: i32::from($config.level),
            method: $library::Method::Deflated,
            window_bits: -i32::from($config.window_bits),
            mem_level: i32::from($config.mem_level),
            strategy: match $config.strategy {
                Strategy::Default => $library::Strategy::Default,
                Strategy::Filtered => $library::Strategy::Filtered,
                Strategy::HuffmanOnly => $library::Strategy::HuffmanOnly,
                Strategy::Rle => $library::Strategy::Rle,
                Strategy::Fixed => $library::Strategy::Fixed,
            },
        })
    };
}

/// Decompresses a step; whether the stream has ended.
macro_rules! decompress {
    ($library:ident, $context:ident, $input:ident, $output:ident, $stop:ident) => {{
        let flush = match $stop {
            Stop::AtEnd => $library::InflateFlush::NoFlush,
            Stop::AtBlock => $library::InflateFlush::Block,
        };
        match $context.decompress($input, $output, flush) {
            Ok(status) => Ok(status == $library::Status::StreamEnd),
            Err(_) => Err(()),
        }
    }};
}

/// A context for compressing.
pub(super) enum Deflate {
    ZlibRs(zlib_rs::Deflate),
    #[cfg(feature = "zlib")]
    Zlib(bowsprit_zlib::Deflate),
}

impl Deflate {
    pub(super) fn new(config: CompressorConfig) -> Self {
        match config.backend {
            Backend::ZlibRs => Self::ZlibRs(new_deflate!(zlib_rs, config)),
            #[cfg(feature = "zlib")]
            Backend::Zlib => Self::Zlib(new_deflate!(bowsprit_zlib, config)),
        }
    }

    pub(super) fn reset(&mut self) {
        either!(self, context => context.reset());
    }

    pub(super) fn total_in(&self) -> u64 {
        either!(self, context => context.total_in())
    }

    pub(super) fn total_out(&self) -> u64 {
        either!(self, context => context.total_out())
    }

    /// Compresses `input` into `output` and flushes; whether anything was done.
    pub(super) fn compress(&mut self, input: &[u8], output: &mut [u8]) -> bool {
        match self {
            Self::ZlibRs(context) => {
                let status = context.compress(input, output, zlib_rs::DeflateFlush::SyncFlush);
                matches!(status, Ok(zlib_rs::Status::Ok))
            }
            #[cfg(feature = "zlib")]
            Self::Zlib(context) => {
                let flush = bowsprit_zlib::DeflateFlush::SyncFlush;
                let status = context.compress(input, output, flush);
                matches!(status, Ok(bowsprit_zlib::Status::Ok))
            }
        }
    }
}

/// Where a step of decompression stops.
#[derive(Clone, Copy)]
pub(super) enum Stop {
    /// When input or output ends.
    AtEnd,
    /// Also before the next block begins.
    AtBlock,
}

/// A context for decompressing.
pub(super) enum Inflate {
    ZlibRs(zlib_rs::Inflate),
    #[cfg(feature = "zlib")]
    Zlib(bowsprit_zlib::Inflate),
}

impl Inflate {
    pub(super) fn new(backend: Backend, window_bits: u8) -> Self {
        match backend {
            Backend::ZlibRs => Self::ZlibRs(zlib_rs::Inflate::new(false, window_bits)),
            #[cfg(feature = "zlib")]
            Backend::Zlib => Self::Zlib(bowsprit_zlib::Inflate::new(false, window_bits)),
        }
    }

    pub(super) const fn backend(&self) -> Backend {
        match self {
            Self::ZlibRs(_) => Backend::ZlibRs,
            #[cfg(feature = "zlib")]
            Self::Zlib(_) => Backend::Zlib,
        }
    }

    pub(super) fn reset(&mut self) {
        either!(self, context => context.reset(false));
    }

    pub(super) fn total_in(&self) -> u64 {
        either!(self, context => context.total_in())
    }

    pub(super) fn total_out(&self) -> u64 {
        either!(self, context => context.total_out())
    }

    /// What the library says about the last error, if anything.
    pub(super) fn error_message(&mut self) -> Option<&'static str> {
        either!(self, context => context.error_message())
    }

    /// Lets the data refer to `dictionary`, as if it had come out just before.
    pub(super) fn set_dictionary(&mut self, dictionary: &[u8]) -> Result<(), ()> {
        either!(self, context => context.set_dictionary(dictionary).map(|_| ()).map_err(|_| ()))
    }

    /// Decompresses `input` into `output`; whether the stream has ended.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        stop: Stop,
    ) -> Result<bool, ()> {
        match self {
            Self::ZlibRs(context) => decompress!(zlib_rs, context, input, output, stop),
            #[cfg(feature = "zlib")]
            Self::Zlib(context) => decompress!(bowsprit_zlib, context, input, output, stop),
        }
    }
}
