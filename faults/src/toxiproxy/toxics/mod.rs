//! The types of toxics: Toxiproxy's own, and every fault of the catalogue under its name. Where a
//! name is both, it is Toxiproxy's.

mod classic;
mod ends;
mod flows;
mod ours;

use std::sync::Arc;

use serde_json::{Map, Value};

use self::classic::Classic;
use crate::fault::flow::Direction;
use crate::fault::{self, Fault};

/// Attributes as they are sent and shown.
pub(super) type Attributes = Map<String, Value>;

/// A type of toxic.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One of Toxiproxy's.
    Theirs(&'static Classic),
    /// One of the catalogue's.
    Ours(&'static fault::Kind),
}

impl Kind {
    /// The type of this name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let theirs = classic::ALL.iter().find(|classic| classic.name == name);
        let ours = || fault::find(name).map(Self::Ours);
        theirs.map(Self::Theirs).or_else(ours)
    }

    /// Makes the fault from the attributes that are there and those that change; gives it with the
    /// attributes that it has now.
    pub(super) fn make(
        self,
        stream: Direction,
        before: &Attributes,
        change: &Attributes,
    ) -> Result<(Attributes, Arc<dyn Fault>), String> {
        match self {
            Self::Theirs(classic) => (classic.make)(stream, before, change),
            Self::Ours(kind) => ours::make(kind, stream, before, change),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::dice::Dice;
    use crate::fault::{CATALOGUE, Treatment};
    use crate::pace::{Next, Pace};

    const NAMES: [&str; 24] = [
        "latency",
        "jitter",
        "distribution",
        "rate",
        "shared",
        "delay",
        "timeout",
        "average_size",
        "size_variation",
        "bytes",
        "loss_rate",
        "correlation",
        "value",
        "direction",
        "code",
        "after",
        "lasts",
        "in",
        "size",
        "every",
        "most",
        "behind",
        "by",
        "drop",
    ];

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-10_i64..10).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec![
                "",
                "0s",
                "5ms",
                "100000h",
                "10B",
                "9000000000MB",
                "5%",
                "up",
                "both",
                "pareto",
                "reset",
                "close",
                "/a/b",
                "\u{0}",
            ])
            .prop_map(Value::from),
            Just(json!([1])),
            Just(json!({ "a": "b" })),
        ]
    }

    proptest! {
        /// Whatever attributes are sent: a toxic is made, or it is said why not, and what it does
        /// can be done.
        #[test]
        fn no_attributes_make_it_panic(
            at in any::<prop::sample::Index>(),
            up in any::<bool>(),
            sent in prop::collection::vec((prop::sample::select(NAMES.to_vec()), value()), 0..5),
        ) {
            let theirs = classic::ALL.iter().map(|classic| classic.name);
            let names: Vec<&str> = CATALOGUE.iter().map(|kind| kind.name).chain(theirs).collect();
            let kind = Kind::find(names[at.index(names.len())]).unwrap();
            let sent: Attributes = sent.into_iter().map(|(name, v)| (name.to_owned(), v)).collect();
            let stream = if up { Direction::Up } else { Direction::Down };
            let Ok((shown, fault)) = kind.make(stream, &Attributes::new(), &sent) else {
                return Ok(());
            };
            // What is shown can be sent again.
            let again = kind.make(stream, &Attributes::new(), &shown);
            prop_assert_eq!(again.map(|(shown, _)| shown), Ok(shown));
            let (mut dice, mut treatment) = (Dice::of(1, "", "", 0), Treatment::default());
            fault.treat(&mut dice, &mut treatment);
            let now = Instant::now();
            for flow in [&treatment.up, &treatment.down] {
                let _ = now + flow.delay(&mut dice) + flow.closes_late;
                let mut pace = Pace::default();
                if let Next::Go(n) = pace.next(flow, 1000, now, &mut dice) {
                    pace.sent(flow, n, now);
                }
            }
            let (after, _) = treatment.connection.ends.unwrap_or((Duration::ZERO, crate::fault::Break::Close));
            let _ = now + after + treatment.connection.opens_late;
        }
    }
}
