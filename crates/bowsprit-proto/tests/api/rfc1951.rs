//! DEFLATE as RFC 1951 has it, bit by bit: an oracle for what the crate sends, and a way to write
//! blocks that no compressor would.

/// What permessage-deflate cuts from a message, RFC 7692 §7.2.1.
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

const LEN_BASE: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const DISTANCE_BASE: [usize; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
const LENGTHS_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Decompresses message after message, and minds how far back they refer.
#[derive(Default)]
pub(crate) struct Inflater {
    out: Vec<u8>,
    /// Where the message begins.
    start: usize,
    /// The longest distance so far.
    pub(crate) furthest: usize,
    /// How many blocks there were: stored, fixed, dynamic.
    pub(crate) blocks: [usize; 3],
}

struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        (0..count).try_fold(0, |value, i| {
            let byte = self.bytes.get(self.at / 8)?;
            let bit = usize::from(byte >> (self.at % 8) & 1);
            self.at += 1;
            Some(value | bit << i)
        })
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

/// How many codes there are of each length, and their symbols in order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().for_each(|len| counts[*len] += 1);
        counts[0] = 0;
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|i| lengths[*i] > 0).collect();
        symbols.sort_by_key(|i| lengths[*i]);
        Self { counts, symbols }
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Some(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

impl Inflater {
    /// Decompresses the payload of a message; `None` if it is none.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let bytes = [payload, &TAIL].concat();
        let mut bits = Bits { bytes: &bytes, at: 0 };
        self.start = self.out.len();
        while bits.at < bytes.len() * 8 {
            let is_final = self.block(&mut bits)?;
            if is_final {
                bits.align();
                if bits.at == payload.len() * 8 {
                    break;
                }
            }
        }
        Some(self.out[self.start..].to_vec())
    }

    /// Reads a block; returns whether BFINAL is set.
    fn block(&mut self, bits: &mut Bits<'_>) -> Option<bool> {
        let is_final = bits.take(1)? == 1;
        let kind = bits.take(2)?;
        *self.blocks.get_mut(kind)? += 1;
        match kind {
            0 => self.stored(bits)?,
            1 => {
                let lengths = [[8; 144].as_slice(), &[9; 112], &[7; 24], &[8; 8]].concat();
                self.compressed(bits, &Code::new(&lengths), &Code::new(&[5; 30]))?;
            }
            _ => {
                let (literals, distances) = dynamic(bits)?;
                self.compressed(bits, &literals, &distances)?;
            }
        }
        Some(is_final)
    }

    fn stored(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        bits.align();
        let len = bits.take(16)?;
        (bits.take(16)? == !len & 0xFFFF).then_some(())?;
        for _ in 0..len {
            self.out.push(u8::try_from(bits.take(8)?).unwrap());
        }
        Some(())
    }

    fn compressed(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> Option<()> {
        loop {
            let symbol = literals.read(bits)?;
            if let Ok(literal) = u8::try_from(symbol) {
                self.out.push(literal);
                continue;
            }
            let Some(index) = symbol.checked_sub(257) else { return Some(()) };
            let extra = if index < 8 || index == 28 { 0 } else { index / 4 - 1 };
            let len = LEN_BASE.get(index)? + bits.take(extra)?;
            let index = distances.read(bits)?;
            let extra = (index / 2).saturating_sub(1);
            let distance = DISTANCE_BASE.get(index)? + bits.take(extra)?;
            self.furthest = self.furthest.max(distance);
            for _ in 0..len {
                let from = self.out.len().checked_sub(distance)?;
                self.out.push(self.out[from]);
            }
        }
    }
}

/// Reads the codes of a dynamic block.
fn dynamic(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let mut lengths = [0; 19];
    for i in 0..bits.take(4)? + 4 {
        lengths[LENGTHS_ORDER[i]] = bits.take(3)?;
    }
    let code = Code::new(&lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (len, times) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            len => (len, 1),
        };
        lengths.extend(vec![len; times]);
    }
    let (literals, distances) = lengths.split_at_checked(literals)?;
    Some((Code::new(literals), Code::new(distances)))
}

/// Writes blocks by hand.
#[derive(Clone, Default)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used; 0 for all.
    used: usize,
}

/// A symbol of a compressed block.
#[derive(Clone, Copy)]
pub(crate) enum Symbol {
    Literal(u8),
    /// A length of 3 to 10 and a distance.
    Match(usize, usize),
}

/// Literals for these bytes.
pub(crate) fn literals(bytes: &[u8]) -> Vec<Symbol> {
    bytes.iter().copied().map(Symbol::Literal).collect()
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn bits(&mut self, value: usize, count: usize) {
        for i in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(value >> i & 1 == 1) << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    /// A Huffman code, which has its most significant bit first.
    fn code(&mut self, code: usize, count: usize) {
        (0..count).rev().for_each(|i| self.bits(code >> i, 1));
    }

    fn align(&mut self) {
        self.used = 0;
    }

    /// A block without compression.
    pub(crate) fn stored(mut self, is_final: bool, data: &[u8]) -> Self {
        self.bits(usize::from(is_final), 3);
        self.align();
        let len = u16::try_from(data.len()).unwrap();
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend((!len).to_le_bytes());
        self.bytes.extend(data);
        self
    }

    /// A block with the codes of the standard. A final one is padded to a whole byte.
    pub(crate) fn fixed(mut self, is_final: bool, symbols: &[Symbol]) -> Self {
        self.bits(usize::from(is_final) | 2, 3);
        for symbol in symbols {
            match *symbol {
                Symbol::Literal(byte @ 0..144) => self.code(0x30 + usize::from(byte), 8),
                Symbol::Literal(byte) => self.code(0x190 + usize::from(byte) - 144, 9),
                Symbol::Match(len, distance) => {
                    assert!((3..=10).contains(&len));
                    self.code(len - 2, 7);
                    let index = DISTANCE_BASE.partition_point(|base| *base <= distance) - 1;
                    self.code(index, 5);
                    self.bits(distance - DISTANCE_BASE[index], (index / 2).saturating_sub(1));
                }
            }
        }
        self.code(0, 7);
        if is_final {
            self.align();
        }
        self
    }

    /// A flush within the message: an empty stored block, tail and all.
    pub(crate) fn flush(self) -> Self {
        self.stored(false, b"")
    }

    /// The message: with an empty stored block at the end, whose tail is cut off.
    pub(crate) fn message(self) -> Vec<u8> {
        let mut bytes = self.flush().bytes;
        bytes.truncate(bytes.len() - TAIL.len());
        bytes
    }

    /// What has been written, without another block.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[test]
fn the_oracle_knows_the_examples_of_the_rfc() {
    let mut inflater = Inflater::default();
    let hello = Blocks::new().fixed(false, &literals(b"Hello")).message();
    assert_eq!(hello, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], "§7.2.3.1");
    assert_eq!(inflater.message(&hello).as_deref(), Some(&b"Hello"[..]));
    let again = inflater.message(&[0xF2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(again.as_deref(), Some(&b"Hello"[..]), "§7.2.3.2");
    assert_eq!(inflater.furthest, 5);
    assert_eq!(inflater.message(&hello[..3]), None);
    let stored = Blocks::new().stored(false, b"Hello").message();
    assert_eq!(inflater.message(&stored).as_deref(), Some(&b"Hello"[..]), "§7.2.3.3");
    assert_eq!(stored[..5], [0x00, 0x05, 0x00, 0xFA, 0xFF]);
}
