//! Goose's part of the load: users who make the suite's requests, or journeys of somebody's own.

use std::time::Duration;

use super::Reader;
use super::commands::SHAKETABLE;
use super::request::Missing;
use crate::suite::model::Goose;
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::written::{self, ARRIVALS};

/// The keys beside `goose` by which other calls arrive.
fn others() -> impl Iterator<Item = &'static str> {
    ARRIVALS.into_iter().chain(["streams"])
}

impl Reader<'_> {
    /// Checks what one place says about goose, whoever uses it.
    pub(super) fn one_goose(&mut self, place: &Path) {
        let path = place.then("goose");
        let Some(written) = self.part::<written::Goose>(&path) else {
            return;
        };
        match (&written.run, &written.to) {
            (Some(_), None) => {
                let help = "add `to: SERVICE`, whose address goose gets as its `--host`";
                self.complain_of_key(&path, "nobody knows where these journeys lead", help);
            }
            (None, Some(_)) => {
                let help = "remove it; each request says where it goes";
                self.complain_of_key(&path.then("to"), "`to` goes with `run`", help);
            }
            (None, None) if written.users.is_none() => {
                let help = "write how many `users` there are, or which program to `run`";
                self.complain(&path, "goose has nothing to do", help);
            }
            _ => {}
        }
        if written.run.is_some() || written.users.is_none() {
            return;
        }
        if !cfg!(feature = "goose") {
            let help = "build it with `cargo install --path harness/shaketable-cli --features goose`, \
                        or write `users: 10` and `think` without `goose`, which are our own";
            self.complain_of_key(&path, "this build has no goose in it", help);
        }
        for key in others() {
            if !self.has(&place.then(key)) {
                continue;
            }
            let message = format!("goose's users and `{key}` exclude each other");
            let help = "keep one of them; journeys that goose runs (`run`) may stand beside it";
            self.complain_of_key(&place.then(key), &message, help);
        }
    }

    /// Where goose is written, unless an experiment says before how else calls arrive.
    pub(super) fn goose_place<'p>(&self, places: &'p [Path]) -> Option<&'p Path> {
        let says = |place: &&Path| {
            let mut keys = others().chain(["goose"]);
            keys.any(|key| self.has(&place.then(key)))
        };
        let first = places.iter().find(says)?;
        self.has(&first.then("goose")).then_some(first)
    }

    /// Whether other calls arrive as well.
    pub(super) fn beside_goose(&self, place: &Path) -> bool {
        others().any(|key| self.has(&place.then(key)))
    }

    /// Goose's part of a load that is put together of these places, one of which has it.
    pub(super) fn goose(
        &mut self,
        place: &Path,
        places: &[Path],
        timeout: Duration,
    ) -> Option<Goose> {
        let path = place.then("goose");
        let written: written::Goose = self.part(&path)?;
        let users = written.users.and_then(|users| usize::try_from(users).ok());
        if let Some(line) = written.run {
            return Some(Goose::Journeys {
                argv: self.argv(&path.then("run"), line, &[SHAKETABLE])?,
                cwd: self.dir(&path.then("run")),
                to: written.to?.0,
                users,
            });
        }
        let requests = self.requests(places, Missing::Told);
        // What is wrong with one that is there was told.
        let sound = !places.iter().any(|place| self.errors.under(place));
        for journey in requests.iter().filter(|journey| journey.plain().is_none()) {
            let message = format!("goose's users cannot make `{}`", near::clip(&journey.name));
            let help = "they send plain requests: without templates, journeys, commands, and all that \
                        looks at answers; our own `users` do all of that";
            self.complain_of_key(&path, &message, help);
        }
        if requests.is_empty() && sound {
            let help = "add `request` or `requests` beside `goose`, or journeys to `run`";
            self.complain_of_key(&path, "goose's users have no requests", help);
        }
        Some(Goose::Users {
            users: users?,
            think: written.think.unwrap_or_default().0,
            timeout,
            requests,
        })
    }
}
