//! How the calls of a stream arrive: the one way that is written, and what goes with it.

use std::time::Duration;

use shaketable_faults::fault::Short;
use shaketable_faults::units::{HumanDuration, Rate};

use super::Reader;
use crate::load::Arrival;
use crate::load::arrival::{Moments, Piece, Profile, Spacing, Then, recorded};
use crate::suite::extend::beside;
use crate::suite::files::read_text;
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::written::{ARRIVALS, Going};

/// The keys that mean something only beside another.
const BESIDE: [(&str, &str); 2] = [("spacing", "rate"), ("think", "users")];

impl Reader<'_> {
    /// The way in which calls arrive, of the first of these places that has one.
    pub(super) fn arrival(&mut self, places: &[Path]) -> Option<Arrival> {
        let place = self.arrival_place(places)?.clone();
        let key = ARRIVALS
            .into_iter()
            .find(|key| self.has(&place.then(*key)))?;
        let path = place.then(key);
        Some(match key {
            "rate" => {
                let going: Short<Rate, Going> = self.part(&path)?;
                let profile = self.profile(&path, going.1)?;
                let spacing: Option<Spacing> = self.part(&place.then("spacing"));
                Arrival::Open(Moments::Rate(profile, spacing.unwrap_or_default()))
            }
            "users" => {
                let think: Option<HumanDuration> = self.part(&place.then("think"));
                Arrival::Users {
                    users: self.part(&path)?,
                    think: think.unwrap_or_default().0,
                }
            }
            "serial" => Arrival::Serial,
            "burst" => Arrival::Open(Moments::burst(self.part(&path)?)),
            _ => Arrival::Open(self.trace(&path)?),
        })
    }

    /// Where it is written how calls arrive.
    pub(super) fn arrival_place<'p>(&self, places: &'p [Path]) -> Option<&'p Path> {
        let has_one = |place: &&Path| ARRIVALS.iter().any(|key| self.has(&place.then(*key)));
        places.iter().find(has_one)
    }

    /// Complains of several ways at one place, and of what goes with none of them.
    pub(super) fn one_arrival(&mut self, place: &Path) {
        let ways: Vec<&str> = self
            .keys(place)
            .iter()
            .filter_map(|key| ARRIVALS.into_iter().find(|way| way == key))
            .collect();
        if let [first, others @ ..] = ways.as_slice() {
            let line = self.key_at(&place.then(*first)).line_number();
            for other in others {
                let message = format!("`{first}` and `{other}` exclude each other");
                let help = format!("keep one of them; `{first}` is written in line {line}");
                self.complain_of_key(&place.then(*other), &message, &help);
            }
            for (key, with) in BESIDE {
                if self.has(&place.then(key)) && !ways.contains(&with) {
                    let message = format!("`{key}` says nothing about `{first}`");
                    let help = format!("remove it; it goes with `{with}`");
                    self.complain_of_key(&place.then(key), &message, &help);
                }
            }
        }
    }

    fn profile(&mut self, path: &Path, going: Going) -> Option<Profile> {
        let mut times: Vec<(Path, Duration)> = Vec::new();
        let mut level = |path: Path, rate: Option<Rate>, lasts: HumanDuration| {
            times.push((path.then("lasts"), lasts.0));
            Piece::level(rate.map_or(0.0, |rate| rate.0), lasts.0)
        };
        let profile = if let Some(ramp) = going.ramp {
            times.push((path.then("ramp").then("over"), ramp.over.0));
            let from = ramp.from.map_or(0.0, |rate| rate.0);
            Profile::ramp(from, ramp.to.0, ramp.over.0)
        } else if let Some(spike) = going.spike {
            times.push((path.then("spike").then("lasts"), spike.lasts.0));
            Profile::spike(spike.base.0, spike.after.0, spike.to.0, spike.lasts.0)
        } else if let Some(steps) = going.steps {
            let below = path.then("steps");
            let pieces = steps.into_iter().enumerate();
            let pieces: Vec<Piece> = pieces
                .map(|(n, step)| level(below.then(n), step.rate, step.lasts))
                .collect();
            let last = pieces.last().map_or(0.0, |piece| piece.to);
            if let [only] = pieces.as_slice() {
                Profile::constant(only.to)
            } else {
                Profile {
                    pieces,
                    then: Then::Level(last),
                }
            }
        } else {
            let below = path.then("wave");
            let pieces = going.wave?.into_iter().enumerate();
            Profile {
                pieces: pieces
                    .map(|(n, step)| level(below.then(n), step.rate, step.lasts))
                    .collect(),
                then: Then::Again,
            }
        };
        for (path, time) in times {
            self.above_zero(&path, time);
        }
        if profile.peak() <= 0.0 {
            let help = "give one of them a `rate`";
            self.complain(path, "nothing would ever arrive", help);
            return None;
        }
        Some(profile)
    }

    /// Moments at which calls once arrived.
    fn trace(&mut self, path: &Path) -> Option<Moments> {
        let from: String = self.part(path)?;
        let name = beside(&self.at(path).source.name, &from);
        let read = match read_text(self.files, &name) {
            Ok(text) => recorded(&text).map_err(|wrong| format!("is no trace: {wrong}")),
            Err(unreadable) => Err(unreadable.reason),
        };
        match read {
            Ok(moments) => Some(Moments::Recorded(moments.into())),
            Err(reason) => {
                let message = format!("the trace `{}` {reason}", near::clip(&from));
                let help = "a moment in each line, in seconds, in order; the path is relative to this file";
                self.complain(path, &message, help);
                None
            }
        }
    }
}
