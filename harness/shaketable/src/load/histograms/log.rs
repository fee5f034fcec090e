//! An interval log of `HdrHistogram` (V2, compressed): a line for each window, class and measure.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag as CheckedTag,
};

use super::tag::{Measure, Tag};
use super::times::Times;
use crate::record::{Nanos, Phase};

/// What the lines mean, for whoever opens the file.
const MEANING: [&str; 5] = [
    "All values are nanoseconds, the maximum of each line too.",
    "Tag=PHASE/MEASURE/CLASS; PHASE is - outside of every phase, CLASS is percent-encoded.",
    "latency counts from the moment at which a call was meant to be sent, service from the one at which it was and had a connection.",
    "A call belongs to the phase and to the window of the moment at which it was meant to be sent.",
    "A call without an end of its own (timed out, aborted, still open) is censored, not left out: it counts with its age, a lower bound.",
];
/// The version of the format that this is.
const VERSION: &str = "[Histogram log format version 1.3]";
/// The line above the table, as `HdrHistogram`'s own writers put it.
const LEGEND: &str =
    r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;

/// A log that is being written.
pub struct Log<W> {
    to: W,
    serializer: V2DeflateSerializer,
}

impl<W> std::fmt::Debug for Log<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Log")
    }
}

impl<W: Write> Log<W> {
    /// Begins a log. `zero` is the moment from which the run's clock counts, and the lines with it;
    /// `about` is a line that says whose calls these are.
    pub fn begin(mut to: W, zero: SystemTime, about: &str) -> io::Result<Self> {
        // The start is the base: readers skip what lies before the start.
        let mut serializer = V2DeflateSerializer::new();
        let mut header = IntervalLogWriterBuilder::new();
        header.add_comment(about);
        for line in MEANING {
            header.add_comment(line);
        }
        header.add_comment(VERSION);
        header.with_base_time(zero).with_start_time(zero);
        header.begin_log_with(&mut to, &mut serializer)?;
        writeln!(to, "{LEGEND}")?;
        Ok(Self { to, serializer })
    }

    /// A remark between the lines.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.to, &mut self.serializer)?
            .write_comment(text)
    }

    /// Whatever is still on its way to the file is written; gives it back.
    pub fn end(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }

    /// The two lines of one class in one window.
    pub(super) fn window(
        &mut self,
        from: Nanos,
        length: Nanos,
        phase: Option<Phase>,
        class: &str,
        times: &Times,
    ) -> io::Result<()> {
        for (measure, histogram) in [
            (Measure::Latency, &times.latency),
            (Measure::Service, &times.service),
        ] {
            let tag = Tag {
                phase,
                measure,
                class,
            };
            self.line(from, length, &tag.to_string(), histogram)?;
        }
        Ok(())
    }

    fn line(
        &mut self,
        from: Nanos,
        length: Nanos,
        tag: &str,
        histogram: &Histogram<u64>,
    ) -> io::Result<()> {
        let tag = CheckedTag::new(tag)
            .ok_or_else(|| io::Error::other(format!("`{tag}` is no tag of a log")))?;
        IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.to, &mut self.serializer)?
            .write_histogram(
                histogram,
                Duration::from_nanos(from),
                Duration::from_nanos(length),
                Some(tag),
            )
            .map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })
    }
}
