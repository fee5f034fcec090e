//! Randomness that does not depend on time: every decision is a hash of what it is about.
//!
//! `decision = hash(seed, edge, fault, key)`. Thread scheduling, and other faults, cannot change
//! it, because nothing is drawn from a shared stream.

/// Mixes 64 bits thoroughly (the finaliser of `SplitMix64`: Steele, Lea, Flood, OOPSLA 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of bytes that is the same on every machine and in every release (FNV-1a, mixed).
pub fn hash(bytes: &[u8]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        h = (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(h)
}

/// Joins two hashes in order.
pub fn join(a: u64, b: u64) -> u64 {
    mix(a.rotate_left(23) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Two hashes as a UUID (version 4 in form).
pub fn uuid(high: u64, low: u64) -> String {
    let version = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let variant = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        version >> 32,
        version >> 16 & 0xffff,
        version & 0xffff,
        variant >> 48,
        variant & 0xffff_ffff_ffff
    )
}

/// The numbers drawn for one decision.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The dice of one exchange under one fault.
    pub fn of(seed: u64, edge: &str, fault: &str, key: u64) -> Self {
        Self {
            state: join(
                join(join(seed, hash(edge.as_bytes())), hash(fault.as_bytes())),
                key,
            ),
        }
    }

    /// Dice for one of several things that these decide; drawing from one changes none of the others.
    #[must_use]
    pub fn apart(&self, what: u64) -> Self {
        Self {
            state: join(self.state, what),
        }
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    /// The next whole number, even from 0 up to `n` (excluded; 0 where `n` is 0).
    pub fn below(&mut self, n: u64) -> u64 {
        self.step();
        // The high half of a product (Lemire, 2019); its bias is below n / 2^64.
        u64::try_from((u128::from(mix(self.state)) * u128::from(n)) >> 64).unwrap_or(0)
    }

    /// The next number, even between 0 (included) and 1 (excluded).
    pub fn roll(&mut self) -> f64 {
        self.step();
        (mix(self.state) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer() {
        let roll = |seed, edge, fault, key| Dice::of(seed, edge, fault, key).roll().to_bits();
        assert_eq!(
            roll(1, "a -> b", "latency", 7),
            roll(1, "a -> b", "latency", 7)
        );
        assert_ne!(
            roll(1, "a -> b", "latency", 7),
            roll(2, "a -> b", "latency", 7)
        );
        assert_ne!(
            roll(1, "a -> b", "latency", 7),
            roll(1, "a -> c", "latency", 7)
        );
        assert_ne!(
            roll(1, "a -> b", "latency", 7),
            roll(1, "a -> b", "reset", 7)
        );
        assert_ne!(
            roll(1, "a -> b", "latency", 7),
            roll(1, "a -> b", "latency", 8)
        );
    }

    #[test]
    fn a_share_of_the_keys_is_that_share() {
        let hits = (0..100_000)
            .filter(|key| Dice::of(3, "e", "f", *key).roll() < 0.05)
            .count();
        assert!((4_800..5_200).contains(&hits), "{hits}");
    }
}
