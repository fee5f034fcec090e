//! How many bytes a delay line holds, also counted together with the other lines of its thread.

use std::cell::Cell;

thread_local! {
    static TOGETHER: Cell<usize> = const { Cell::new(0) };
}

/// The bytes that one line holds. What it holds no more when it goes away is taken off.
#[derive(Debug, Default)]
pub(super) struct Weight(usize);

impl Weight {
    /// How many there are.
    pub(super) fn own(&self) -> usize {
        self.0
    }

    /// How many all lines of this thread hold. A connection never changes its thread.
    pub(super) fn together() -> usize {
        TOGETHER.get()
    }

    /// So many more.
    pub(super) fn add(&mut self, bytes: usize) {
        self.0 += bytes;
        TOGETHER.set(TOGETHER.get() + bytes);
    }

    /// So many less.
    pub(super) fn take(&mut self, bytes: usize) {
        self.0 -= bytes;
        TOGETHER.set(TOGETHER.get() - bytes);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        TOGETHER.set(TOGETHER.get() - self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_together_until_they_go() {
        let before = Weight::together();
        let (mut one, mut other) = (Weight::default(), Weight::default());
        one.add(10);
        other.add(5);
        one.take(3);
        assert_eq!((one.own(), Weight::together() - before), (7, 12));
        drop(one);
        assert_eq!(Weight::together() - before, 5);
    }
}
