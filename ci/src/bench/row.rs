//! A row of a bench: what is measured, of whom, and what is asked of ours.

use super::error::BenchError;
use super::ratio::Bound;

/// Ours, in tables and targets.
pub(crate) const OURS: &str = "ours";
/// Another build of ours.
pub(crate) const BEFORE: &str = "before";

/// A number that a row gives for each contestant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// With its unit.
    pub(crate) name: &'static str,
    /// Digits after the point.
    pub(crate) decimals: usize,
    /// Whether ours is shown in proportion to the others'.
    pub(crate) compared: bool,
}

impl Metric {
    /// One by which ours is shown in proportion to the others.
    pub(crate) const fn compared(name: &'static str, decimals: usize) -> Self {
        Self {
            name,
            decimals,
            compared: true,
        }
    }

    /// One that is shown as it is.
    pub(crate) const fn shown(name: &'static str, decimals: usize) -> Self {
        Self {
            name,
            decimals,
            compared: false,
        }
    }
}

/// What is asked of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Of which metric of the row.
    pub(crate) metric: usize,
    /// Of ours in which way; `None` for every way that the row has.
    pub(crate) way: Option<&'static str>,
    /// In proportion to this peer's, or as it is.
    pub(crate) against: Option<&'static str>,
    /// How much.
    pub(crate) bound: Bound,
}

/// A row's words and its aims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// On the command line.
    pub(crate) name: &'static str,
    /// What is measured, and how.
    pub(crate) title: &'static str,
    /// The ways in which ours does it, each of which is measured; [`ONE_WAY`] where there is but one.
    pub(crate) ways: &'static [&'static str],
    /// What comes out, in this order.
    pub(crate) metrics: &'static [Metric],
    /// What is asked of ours.
    pub(crate) targets: &'static [Target],
    /// Whether others who use the processors falsify it.
    pub(crate) wants_calm: bool,
}

/// The ways of a row that has only one, which needs no name.
pub(crate) const ONE_WAY: &[&str] = &[""];

/// One contestant, ready to be measured again and again.
pub(crate) trait Stand {
    /// Measures once; gives a value for each metric.
    fn sample(&mut self) -> Result<Vec<f64>, BenchError>;
}

/// One contestant of a row, or why it cannot be measured.
pub(crate) struct Entry<'a> {
    /// The peer.
    pub(crate) peer: String,
    /// Its way of doing it.
    pub(crate) way: &'static str,
    /// What is measured.
    pub(crate) stand: Result<Box<dyn Stand + 'a>, BenchError>,
}

/// The name of a contestant in a row: with its way, where the row has several.
pub(crate) fn label(peer: &str, way: &str) -> String {
    if way.is_empty() {
        peer.to_owned()
    } else {
        format!("{peer} {way}")
    }
}

/// A peer that is not measured, and why.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// Its name.
    pub(crate) name: String,
    /// Why not.
    pub(crate) why: String,
}
