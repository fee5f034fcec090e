//! The tag of a line: `fault/latency/POST%20/orders`. A tag must hold neither comma nor space, so the
//! class is percent-encoded as in a URL; every URL decoder gives it back.

use std::fmt::{self, Write};

use crate::record::Phase;

/// What stands for the phase of a call that is outside of all of them.
const NO_PHASE: &str = "-";

/// Which of the two times of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Latency,
    Service,
}

/// What a line of the log is about.
pub(super) struct Tag<'a> {
    pub(super) phase: Option<Phase>,
    pub(super) measure: Measure,
    pub(super) class: &'a str,
}

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.phase.map_or(NO_PHASE, Phase::name);
        let measure = match self.measure {
            Measure::Latency => "latency",
            Measure::Service => "service",
        };
        write!(f, "{phase}/{measure}/")?;
        for byte in self.class.bytes() {
            if byte.is_ascii_graphic() && !matches!(byte, b',' | b'%') {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(phase: Option<Phase>, measure: Measure, class: &str) -> String {
        let tag = Tag {
            phase,
            measure,
            class,
        };
        tag.to_string()
    }

    #[test]
    fn a_tag_names_phase_measure_and_class() {
        let fault = Some(Phase::Fault);
        assert_eq!(
            tag(fault, Measure::Latency, "POST /orders?a=b"),
            "fault/latency/POST%20/orders?a=b"
        );
        assert_eq!(tag(None, Measure::Service, "probe"), "-/service/probe");
        assert_eq!(
            tag(Some(Phase::WarmUp), Measure::Service, "100%, ü\n"),
            "warm-up/service/100%25%2C%20%C3%BC%0A"
        );
    }
}
