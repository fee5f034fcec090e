//! Follows a run while it goes on: a moving line on a terminal, a line for each phase elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shaketable::event::Event;
use shaketable::units::brief;
use tokio::sync::mpsc::UnboundedReceiver;

use super::text::paragraph;
use super::{Paint, counted, report, tell, width};
use crate::args::VolumeArgs;

/// Reads the story to its end.
pub(crate) async fn follow(mut story: UnboundedReceiver<Event>, volume: VolumeArgs) {
    let mut follower = Follower::new(volume);
    while let Some(event) = story.recv().await {
        follower.hear(event);
    }
    follower.bar.finish_and_clear();
}

struct Follower {
    volume: VolumeArgs,
    bar: ProgressBar,
    live: bool,
    paint: Paint,
    rate_window: Duration,
}

impl Follower {
    fn new(volume: VolumeArgs) -> Self {
        let live = std::io::stderr().is_terminal() && !volume.quiet;
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        if let Ok(style) = ProgressStyle::with_template("  {prefix:<9} {bar:20} {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self {
            volume,
            bar,
            live,
            paint: Paint::of_stderr(),
            rate_window: Duration::from_millis(500),
        }
    }

    fn line(&self, text: &str) {
        if !self.volume.quiet {
            self.bar.suspend(|| tell(text));
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::RunBegan {
                suite,
                seed,
                experiments,
                out,
            } => self.line(&format!(
                "{} {}, seed {seed}, files in {}",
                self.paint.strong(&suite),
                counted(experiments, "experiment"),
                out.display()
            )),
            Event::ExperimentBegan {
                experiment,
                planned,
            } => {
                self.line(&format!(
                    "\n{} {}",
                    self.paint.strong(&experiment),
                    self.paint.faint(&format!("(about {})", brief(planned)))
                ));
            }
            Event::ServiceReady { service, after } if self.volume.verbose => {
                self.line(&format!("  {service} ready after {}", brief(after)));
            }
            Event::PhaseBegan { phase, planned } => {
                self.bar.set_prefix(phase.name());
                self.bar.set_position(0);
                if !self.live {
                    self.line(&format!("  {} ({})", phase.name(), brief(planned)));
                }
            }
            Event::PhaseExtended { phase, why } => {
                self.line(&self.paint.faint(&paragraph(
                    "  ",
                    &format!("the {} phase goes on: {why}", phase.name()),
                    width(),
                )));
            }
            Event::FaultInjected { fault } if !self.live || self.volume.verbose => {
                self.line(&format!("  + {fault}"));
            }
            Event::FaultFailed { fault, why } => {
                let text = format!("{fault} could not be injected: {why}");
                self.line(&format!("  {}", self.paint.bad(&text)));
            }
            Event::Progress {
                done,
                ended,
                good,
                in_flight,
                ..
            } => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and 1000"
                )]
                self.bar.set_position((done * 1000.0) as u64);
                let rate = ended as f64 / self.rate_window.as_secs_f64();
                let bad = ended - good;
                self.bar.set_message(format!(
                    "{rate:>5.0} calls/s, {bad} failed, {in_flight} in flight"
                ));
            }
            Event::ServiceDied { service, how } => {
                self.line(&format!(
                    "  {}",
                    self.paint.bad(&format!("{service} died: {how}"))
                ));
            }
            Event::LimitMet { service, limit } => {
                self.line(&format!("  {service}: {limit}"));
            }
            Event::Trouble { about, what, times } => {
                let times = if times == 1 {
                    "once".to_owned()
                } else {
                    format!("{times} times")
                };
                self.line(&format!("  {about}: {what} ({times})"));
            }
            Event::ExperimentEnded(experiment) => {
                self.bar.set_message("");
                let volume = self.volume;
                self.bar.suspend(|| report::experiment(&experiment, volume));
            }
            Event::ServiceReady { .. }
            | Event::FaultInjected { .. }
            | Event::FaultsLifted
            | Event::RunEnded(_) => {}
        }
    }
}
