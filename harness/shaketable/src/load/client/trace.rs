//! The ids of calls, as they are sent.

/// The number by which whatever a call causes can be told from all else (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The same for all calls of a load; never zero.
    pub base: u64,
    /// The number of the call, from 1.
    pub call: u64,
}

impl Trace {
    /// The trace's id: 32 hexadecimal digits.
    pub fn id(self) -> String {
        String::from_utf8_lossy(&self.id_text()).into_owned()
    }

    /// The value of `traceparent`.
    pub fn parent(self) -> String {
        String::from_utf8_lossy(&self.parent_text()).into_owned()
    }

    /// The same as [`Self::id`], without asking for memory: it is made for every call.
    pub(super) fn id_text(self) -> [u8; 32] {
        let mut text = [0; 32];
        text[..16].copy_from_slice(&hex(self.base));
        text[16..].copy_from_slice(&hex(self.call));
        text
    }

    /// The same as [`Self::parent`], without asking for memory.
    pub(super) fn parent_text(self) -> [u8; 55] {
        let mut text = *b"00-................................-................-01";
        text[3..35].copy_from_slice(&self.id_text());
        text[36..52].copy_from_slice(&hex(self.call));
        text
    }
}

/// Sixteen hexadecimal digits.
fn hex(value: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(value.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_the_standard_says() {
        let trace = Trace {
            base: 0x0123_4567_89ab_cdef,
            call: 255,
        };
        assert_eq!(trace.id(), "0123456789abcdef00000000000000ff");
        assert_eq!(
            trace.parent(),
            "00-0123456789abcdef00000000000000ff-00000000000000ff-01"
        );
    }
}
