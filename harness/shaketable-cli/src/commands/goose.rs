//! Goose's users, in a process of their own: goose claims Ctrl-C, the logger and the way to stop of
//! the whole process. They are told what to do by a file, and write a journal of their calls.

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use shaketable::load::client::Trace;
use shaketable::load::goose::{Ask, Journal, Users};
use shaketable::record::Outcome;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::terminal::complain;

/// So many users are started in each second, for each user there is: all are up after 50 ms.
const INCREASE: usize = 20;
/// A user whose target is not there at all tries again after so long.
const UNMET_PAUSE: Duration = Duration::from_millis(10);

/// Is the users, until it is told to stop by SIGTERM. The word that follows names the file that
/// says what they do.
pub(crate) fn main(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let told = words.next().unwrap_or_default();
    match run(Path::new(&told)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("failed to be goose's users: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(told: &Path) -> Result<(), Box<dyn Error>> {
    let users = Users::read(told)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(attack(users));
    // Users who wait for an answer are not waited for.
    runtime.shutdown_background();
    done
}

async fn attack(users: Users) -> Result<(), Box<dyn Error>> {
    let mut end = signal(SignalKind::terminate())?;
    let team = Arc::new(Team {
        journal: Journal::create(&users.journal, users.first_call)?,
        trace_base: users.trace_base,
        timeout: users.timeout,
        stopping: AtomicBool::new(false),
        under_way: AtomicUsize::new(0),
        ended: Notify::new(),
    });
    let mut scenario = Scenario::new("users");
    if !users.think.is_zero() {
        scenario = scenario.set_wait_time(users.think, users.think)?;
    }
    let mut host = None;
    for ask in users.asks {
        host.get_or_insert_with(|| ask.url.clone());
        let (name, weight) = (ask.name.clone(), usize::try_from(ask.weight)?);
        let transaction = Transaction::new(asks(ask, Arc::clone(&team))?);
        scenario = scenario.register_transaction(transaction.set_name(&name).set_weight(weight)?);
    }
    let mut configuration = GooseConfiguration::default();
    configuration.host = host;
    configuration.users = Some(users.users);
    configuration.increase_rate = Some(users.users.saturating_mul(INCREASE).to_string());
    // The journal tells of every call; goose's own numbers would only cost.
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_telnet = true;
    configuration.quiet = 1;
    // Ours comes first, and is exact.
    configuration.timeout = Some((users.timeout.as_secs() + 2).to_string());
    // One client for all: each of their own would read the system's certificates first.
    let client = GooseClientBuilder::new().without_cookies();
    let attack = GooseAttack::initialize_with_config(configuration)?
        .set_client_builder_without_cookies(client)?
        .register_scenario(scenario);
    tokio::select! {
        done = attack.execute() => {
            done?;
            Err("they ended by themselves".into())
        }
        _ = end.recv() => {
            team.stop().await;
            Ok(())
        }
    }
}

/// What all users share.
struct Team {
    journal: Journal,
    trace_base: u64,
    timeout: Duration,
    stopping: AtomicBool,
    /// How many calls there are.
    under_way: AtomicUsize,
    /// Told at the end of each of them while stopping.
    ended: Notify,
}

impl Team {
    /// No more calls are made; returns when those under way have ended.
    async fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        loop {
            let ended = self.ended.notified();
            if self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// One call, from its first line in the journal to its second.
    async fn call(&self, client: &Client, class: u16, mut request: Request) -> std::io::Result<()> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        if self.stopping.load(Ordering::SeqCst) {
            self.leave();
            return std::future::pending().await;
        }
        let number = self.journal.begin(class)?;
        let trace = Trace {
            base: self.trace_base,
            call: number,
        };
        for (name, value) in [
            ("traceparent", trace.parent()),
            ("x-request-id", trace.id()),
        ] {
            if let (false, Ok(value)) = (request.headers().contains_key(name), value.parse()) {
                request.headers_mut().insert(name, value);
            }
        }
        let (outcome, status, why) =
            match tokio::time::timeout(self.timeout, exchange(client, request)).await {
                Ok(Ok(status)) => (Outcome::Answered, Some(status), None),
                Ok(Err(error)) => (outcome_of(&error), None, Some(reason(&error))),
                Err(_) => {
                    let why = format!("no whole answer within {:?}", self.timeout);
                    (Outcome::TimedOut, None, Some(why))
                }
            };
        self.journal.end(number, outcome, status, why)?;
        self.leave();
        if outcome == Outcome::Refused {
            tokio::time::sleep(UNMET_PAUSE).await;
        }
        Ok(())
    }

    fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if self.stopping.load(Ordering::SeqCst) {
            self.ended.notify_one();
        }
    }
}

/// The transaction that makes one kind of request.
fn asks(ask: Ask, team: Arc<Team>) -> Result<TransactionFunction, Box<dyn Error>> {
    let mut request = Request::new(Method::from_str(&ask.method)?, Url::parse(&ask.url)?);
    for (name, value) in &ask.headers {
        let (name, value) = (HeaderName::from_str(name)?, HeaderValue::from_str(value)?);
        request.headers_mut().append(name, value);
    }
    let body = bytes::Bytes::from(ask.body);
    let class = ask.class;
    Ok(Arc::new(move |user: &mut GooseUser| {
        let team = Arc::clone(&team);
        let mut own = Request::new(request.method().clone(), request.url().clone());
        own.headers_mut().clone_from(request.headers());
        if !body.is_empty() {
            *own.body_mut() = Some(body.clone().into());
        }
        let client = user.client.clone();
        Box::pin(async move {
            if let Err(error) = team.call(&client, class, own).await {
                // Without a journal there is no load.
                complain(&format!("failed to write the journal: {error}"));
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }))
}

/// One exchange, to the end of the answer.
async fn exchange(client: &Client, request: Request) -> Result<u16, reqwest::Error> {
    let mut response = client.execute(request).await?;
    while response.chunk().await?.is_some() {}
    Ok(response.status().as_u16())
}

fn outcome_of(error: &reqwest::Error) -> Outcome {
    if error.is_timeout() {
        Outcome::TimedOut
    } else if error.is_connect() {
        Outcome::Refused
    } else {
        Outcome::Broken
    }
}

/// What is at the bottom of an error.
fn reason(error: &reqwest::Error) -> String {
    let mut at: &dyn Error = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}
