//! The three CRCs that the AWS SDK computes for S3, in the place of the crate of the same name.
//!
//! That crate knows fifty kinds of CRC and brings the tables of all of them: 0.6 MB, compressed, in the package of every
//! function. The SDK names three, through the few items below; what it would ask beyond them does not compile.

/// A kind of CRC, with the names of the catalogue at <https://reveng.sourceforge.io/crc-catalogue/all.htm>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC-32/ISO-HDLC, which S3 calls CRC32.
    Crc32IsoHdlc,
    /// CRC-32/ISCSI, which S3 calls CRC32C.
    Crc32Iscsi,
    /// CRC-64/NVME, which S3 calls CRC64NVME.
    Crc64Nvme,
}

/// A checksum in the making.
#[derive(Clone, Debug)]
pub struct Digest(State);

#[derive(Clone, Debug)]
enum State {
    Crc32(crc32fast::Hasher),
    Table { table: &'static Table, mask: u64, rest: u64 },
}

impl Digest {
    /// Of nothing yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::Crc32(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => {
                State::Table { table: &CRC32C, mask: u64::from(u32::MAX), rest: u64::from(u32::MAX) }
            }
            CrcAlgorithm::Crc64Nvme => State::Table { table: &CRC64_NVME, mask: u64::MAX, rest: u64::MAX },
        })
    }

    /// Takes in what comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(hasher) => hasher.update(bytes),
            State::Table { table, rest, .. } => {
                *rest = bytes.iter().fold(*rest, |rest, byte| {
                    let [low, ..] = rest.to_le_bytes();
                    table[usize::from(low ^ byte)] ^ (rest >> 8)
                });
            }
        }
    }

    /// The checksum, in the low bits.
    pub fn finalize(self) -> u64 {
        match self.0 {
            State::Crc32(hasher) => u64::from(hasher.finalize()),
            State::Table { mask, rest, .. } => rest ^ mask,
        }
    }
}

/// The checksum of `bytes`, in the low bits.
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}

/// What each byte does to a reflected CRC.
type Table = [u64; 256];

static CRC32C: Table = table(0x82f6_3b78);
static CRC64_NVME: Table = table(0x9a6c_9329_ac4b_c9b5);

/// The table of a polynomial with its bits in reverse order.
const fn table(polynomial: u64) -> Table {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut rest = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { polynomial ^ (rest >> 1) } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [CrcAlgorithm; 3] = [CrcAlgorithm::Crc32IsoHdlc, CrcAlgorithm::Crc32Iscsi, CrcAlgorithm::Crc64Nvme];

    #[test]
    fn the_catalogue_s_check_values_come_out() {
        let checks = ALL.map(|algorithm| checksum(algorithm, b"123456789"));
        assert_eq!(checks, [0xcbf4_3926, 0xe306_9283, 0xae8b_1486_0a79_9888]);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let whole: Vec<u8> = (0..10_000_u32).map(|n| (n * n % 251) as u8).collect();
        for algorithm in ALL {
            let mut digest = Digest::new(algorithm);
            for piece in whole.chunks(77) {
                digest.update(piece);
            }
            assert_eq!(digest.finalize(), checksum(algorithm, &whole), "{algorithm:?}");
        }
    }

    #[test]
    fn nothing_is_zero() {
        assert_eq!(ALL.map(|algorithm| checksum(algorithm, b"")), [0, 0, 0]);
    }
}
