//! What the arrivals of a load do, made of what the suite says and of where the services listen.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Error};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};
use indexmap::IndexMap;

use super::setting::Setting;
use super::vouch::of_load;
use crate::between::names;
use crate::expand::expand;
use crate::launch::Sweeper;
use crate::load::client::{Address, Target, Version};
use crate::load::script::template::Template;
use crate::load::script::{self, Blueprint, Commands, Program, Script, Step};
use crate::suite::{Act, Journey, Over, Request, Stream};

/// Puts scripts together.
pub(super) struct Scripts<'a> {
    /// Where each service listens.
    addresses: &'a BTreeMap<String, SocketAddr>,
    setting: &'a Setting,
    /// The class of each kind of call, by its name.
    classes: HashMap<&'a str, u16>,
    /// How long any call waits at most.
    patience: Duration,
    targets: IndexMap<Way, Target>,
    /// What all commands share, made for the first of them.
    commands: Option<Arc<Commands>>,
}

/// What two calls must have in common to go over the same connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    service: String,
    connections: Option<usize>,
    new_connection: bool,
    over: Over,
}

impl<'a> Scripts<'a> {
    pub(super) fn new(
        addresses: &'a BTreeMap<String, SocketAddr>,
        setting: &'a Setting,
        classes: HashMap<&'a str, u16>,
        patience: Option<Duration>,
    ) -> Self {
        Self {
            addresses,
            setting,
            classes,
            patience: patience.unwrap_or(Duration::MAX),
            targets: IndexMap::new(),
            commands: None,
        }
    }

    /// Where the calls of all of them go.
    pub(super) fn into_targets(self) -> Vec<Target> {
        self.targets.into_values().collect()
    }

    /// What an arrival of a stream does.
    pub(super) fn script(&mut self, journey: &Journey, stream: &Stream) -> io::Result<Script> {
        let steps = journey.steps.iter().map(|step| self.step(step, stream));
        Ok(Script {
            weight: journey.weight,
            steps: steps.collect::<io::Result<_>>()?,
            data: journey.data.clone(),
        })
    }

    fn step(&mut self, request: &Request, stream: &Stream) -> io::Result<Step> {
        let class = self.classes.get(request.name.as_str()).copied();
        let act = self.act(request, stream)?;
        Ok(Step {
            pause: request.pause,
            abort: request.abort,
            poll: request.poll.clone().map(Box::new),
            oracle: request.oracle.clone(),
            captures: request.captures.clone(),
            repeat: request.repeat,
            go_on: request.go_on,
            ..Step::new(
                class.unwrap_or(u16::MAX),
                request.timeout.unwrap_or(stream.timeout).min(self.patience),
                act,
            )
        })
    }

    fn act(&mut self, request: &Request, stream: &Stream) -> io::Result<script::Act> {
        match &request.act {
            Act::Http {
                method,
                path,
                headers,
                body,
                new_connection,
            } => {
                let target = self.target(&Way {
                    service: request.to.clone(),
                    connections: stream.connections,
                    new_connection: *new_connection,
                    over: stream.over.clone(),
                })?;
                let header = |(name, value): &(String, Template)| {
                    let name = HeaderName::from_bytes(name.as_bytes()).map_err(Error::other)?;
                    Ok((name, value.clone()))
                };
                let blueprint = Blueprint {
                    target,
                    method: Method::from_bytes(method.as_bytes()).map_err(Error::other)?,
                    path: path.clone(),
                    headers: headers.iter().map(header).collect::<io::Result<_>>()?,
                    body: body.clone(),
                };
                Ok(blueprint.into_act())
            }
            Act::Exec { argv, cwd } => self.program(argv, cwd).map(script::Act::Exec),
        }
    }

    /// The place of a target among all.
    fn target(&mut self, way: &Way) -> io::Result<usize> {
        if !self.targets.contains_key(way) {
            let nobody = || Error::other(format!("nobody is `{}`", way.service));
            let listens = self.addresses.get(&way.service).ok_or_else(nobody)?;
            let socket = way.over.unix.clone().map(Address::Unix);
            let address = socket.unwrap_or(Address::Tcp(*listens));
            let target = Target {
                keep_alive: !way.new_connection,
                connections: way.connections,
                version: if way.over.http2 {
                    Version::Http2
                } else {
                    Version::Http1
                },
                tls: way.over.tls.as_ref().map(of_load).transpose()?,
                ..Target::new(address, listens.to_string())
            };
            self.targets.insert(way.clone(), target);
        }
        Ok(self.targets.get_index_of(way).unwrap_or_default())
    }

    fn program(&mut self, argv: &[Template], cwd: &Path) -> io::Result<Arc<Program>> {
        let vars = self.vars();
        let look_up = |name: &str| vars.get(name).cloned();
        let argv = argv
            .iter()
            .map(|word| word.map_texts(|text| expand(text, &look_up)));
        let argv: Vec<Template> = argv.collect::<Result<_, _>>().map_err(Error::other)?;
        if let Some(program) = argv.first().and_then(Template::plain) {
            is_there(program, cwd)?;
        }
        Ok(Arc::new(Program {
            argv,
            cwd: cwd.to_owned(),
            commands: self.commands()?,
        }))
    }

    fn commands(&mut self) -> io::Result<Arc<Commands>> {
        if let Some(commands) = &self.commands {
            return Ok(Arc::clone(commands));
        }
        let sweeper = Sweeper::start(&self.setting.keeper)?;
        let commands = Arc::new(Commands::new(Some(sweeper)));
        self.commands = Some(Arc::clone(&commands));
        Ok(commands)
    }

    /// What `$NAME` stands for in a command: where the services themselves listen.
    fn vars(&self) -> BTreeMap<String, String> {
        let none = IndexMap::new();
        let called = |service| names::Called {
            callee: service,
            variables: &none,
            secure: false,
        };
        let services = self.addresses.keys().map(String::as_str);
        let called: Vec<names::Called<'_>> = services.map(called).collect();
        let addresses: Vec<SocketAddr> = self.addresses.values().copied().collect();
        let mut vars = self.setting.vars();
        for (name, meaning) in names::of_caller(&called) {
            vars.insert(name, meaning.form.text(addresses[meaning.edge]));
        }
        vars
    }
}

/// A program that is not there is better missed before the load than by each of its calls.
fn is_there(program: &str, cwd: &Path) -> io::Result<()> {
    let found = if program.contains('/') {
        cwd.join(program).is_file()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
    };
    if found {
        return Ok(());
    }
    let place = if program.contains('/') {
        cwd.display().to_string()
    } else {
        "PATH".to_owned()
    };
    let why = format!("there is no program `{program}` in {place}");
    Err(Error::new(io::ErrorKind::NotFound, why))
}
