//! One experiment after the other, each in a fresh lab, from the first process to the report.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use shaketable_faults::dice;
use shaketable_faults::observe::Clock;

use super::activity::Edges;
use super::collect::{Deaths, Witnesses};
use super::drive::{Companion, Drive, State};
use super::load;
use super::phases::{Phases, Ran};
use super::sampler::Sampler;
use super::setting::Setting;
use super::stalls::{HiccupMeter, StarvationMeter};
use super::start::{Lab, LabError, file_name};
use crate::event::Event;
use crate::judge::judge;
use crate::load::{CallLog, Engine};
use crate::plan::Plan;
use crate::report::{self, ExperimentReport, LoadReport, PhaseReport, Report, RunOutcome};
use crate::saved;
use crate::suite::Experiment;

/// Runs every experiment of a plan and reports.
pub async fn run(plan: &Plan, setting: &Setting) -> Report {
    setting.events.tell(Event::RunBegan {
        suite: plan.suite.name.clone(),
        seed: plan.seed,
        experiments: plan.suite.experiments.len(),
        out: setting.out.clone(),
    });
    let mut experiments: Vec<ExperimentReport> = Vec::new();
    for experiment in plan.suite.experiments.values() {
        if setting.cancel.is_cancelled() {
            break;
        }
        setting.events.tell(Event::ExperimentBegan {
            experiment: experiment.name.clone(),
            planned: experiment.planned(),
        });
        let taken = |dir: &Path| experiments.iter().any(|report| report.dir == dir);
        let dir = own_directory(&setting.out, &experiment.name, taken);
        let report = run_experiment(plan, experiment, setting, dir).await;
        setting
            .events
            .tell(Event::ExperimentEnded(Box::new(report.clone())));
        let environment_is_wrong = report.error.is_some();
        experiments.push(report);
        if environment_is_wrong {
            // The next one would meet the same.
            break;
        }
    }
    let mut outcome = RunOutcome::of(experiments.iter().map(ExperimentReport::outcome));
    if setting.cancel.is_cancelled() && outcome != RunOutcome::Unreverted {
        outcome = RunOutcome::Interrupted;
    }
    let report = Report {
        version: report::VERSION,
        tool: report::tool(),
        suite: plan.suite.name.clone(),
        file: plan.file.clone(),
        seed: plan.seed,
        outcome,
        experiments,
    };
    setting
        .events
        .tell(Event::RunEnded(Box::new(report.clone())));
    report
}

/// A directory for an experiment; `a b` and `a-b` would otherwise share one.
fn own_directory(out: &Path, experiment: &str, taken: impl Fn(&Path) -> bool) -> PathBuf {
    let name = file_name(experiment);
    let mut dir = out.join(&name);
    let mut number = 2;
    while taken(&dir) {
        dir = out.join(format!("{name}-{number}"));
        number += 1;
    }
    dir
}

async fn run_experiment(
    plan: &Plan,
    experiment: &Experiment,
    setting: &Setting,
    dir: PathBuf,
) -> ExperimentReport {
    let began = Instant::now();
    let mut report = ExperimentReport {
        name: experiment.name.clone(),
        verdicts: Vec::new(),
        error: None,
        interrupted: false,
        unreverted: Vec::new(),
        faults: experiment
            .faults
            .iter()
            .map(|entry| format!("{} on {}", entry.describe(), entry.edge))
            .collect(),
        phases: Vec::new(),
        ready_s: 0.0,
        wall_s: 0.0,
        calls: 0,
        load: LoadReport::default(),
        dir: dir.clone(),
    };
    if let Err(error) = in_fresh_lab(plan, experiment, setting, &dir, &mut report).await {
        if setting.cancel.is_cancelled() {
            report.interrupted = true;
        } else {
            report.error = Some(error.to_string());
        }
    }
    report.wall_s = began.elapsed().as_secs_f64();
    report
}

async fn in_fresh_lab(
    plan: &Plan,
    experiment: &Experiment,
    setting: &Setting,
    dir: &Path,
    report: &mut ExperimentReport,
) -> Result<(), LabError> {
    let own = |what: &str| {
        let what = what.to_owned();
        move |source| LabError::Own { what, source }
    };
    std::fs::create_dir_all(dir).map_err(own(&format!("create {}", dir.display())))?;
    let (clock, zero) = (Clock::start(), SystemTime::now());
    let began = Instant::now();
    let lab = Lab::start(plan, experiment, setting, dir, clock).await?;
    report.ready_s = began.elapsed().as_secs_f64();

    let observed = observe(plan, experiment, setting, &lab, (clock, dir)).await;
    let stopped = lab.stop(setting).await;
    let Ran {
        recording,
        unreverted,
    } = observed?;
    let checks = plan.suite.checks_of(experiment);
    saved::write(&recording, zero, &checks, dir).map_err(own("write the recording"))?;

    report.verdicts = judge(checks.iter().map(|entry| entry.check.as_ref()), &recording);
    report.interrupted = recording.interrupted;
    report.unreverted = unreverted;
    report.calls = recording.calls.len() as u64;
    report.load = LoadReport::of(&recording);
    report.phases = PhaseReport::of(&recording);
    stopped
}

/// Runs the phases in a lab that is up.
async fn observe(
    plan: &Plan,
    experiment: &Experiment,
    setting: &Setting,
    lab: &Lab,
    (clock, dir): (Clock, &Path),
) -> Result<Ran, LabError> {
    let own = |what: &'static str| {
        move |source| LabError::Own {
            what: what.to_owned(),
            source,
        }
    };
    // Never zero, so that no trace id of ours is all zeros.
    let trace_base = dice::join(plan.seed, dice::hash(experiment.name.as_bytes())) | 1;
    let hiccups = HiccupMeter::start(clock).map_err(own("watch the machine"))?;
    let targets = lab
        .running
        .iter()
        .map(crate::launch::Running::pid)
        .collect();
    let starvation = StarvationMeter::start(clock, targets).map_err(own("watch the targets"))?;
    let sampler =
        Sampler::start(clock, lab, &plan.suite.edges).map_err(own("watch the targets"))?;
    let (deaths, died) = Deaths::watch(lab, clock, &setting.events);
    let load::Made {
        spec,
        classes,
        goose,
    } = load::make(plan, experiment, lab, setting, trace_base).map_err(own("prepare the load"))?;
    let calls = Arc::new(CallLog::default());
    let activity = Arc::new(Edges(lab.proxies.clone()));
    let engine = Engine::start(clock, spec, Arc::clone(&calls) as _, activity)
        .map_err(|error| own("start the load")(std::io::Error::other(error)))?;
    let goose = goose.map(|(work, to)| Companion {
        work,
        to,
        clock,
        dir,
        setting,
        died: Arc::clone(&died),
        state: State::default(),
    });
    let drive = Drive {
        engine,
        calls,
        classes,
        goose,
    };
    let witnesses = Witnesses {
        plan,
        experiment,
        lab,
        load: &drive,
        hiccups: &hiccups,
        starvation: &starvation,
        sampler: &sampler,
        deaths: &deaths,
        clock,
        trace_base,
    };
    let ran = Phases::new(witnesses, &setting.events, &setting.cancel, died)
        .run()
        .await;
    drive.down().await?;
    Ok(ran)
}
