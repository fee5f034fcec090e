//! What is sent, and where to, as the command line says.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Uri};
use shaketable::load::arrival::{Moments, Profile};
use shaketable::load::client::{Address, Target, Version};
use shaketable::load::script::template::{Data, Form, Known, Template};
use shaketable::load::script::{Act, Blueprint, Script, Step};
use shaketable::load::{Arrival, Spec, Stream};
use shaketable::record::Phase;
use shaketable::stub::Problem;
use shaketable_faults::dice;
use shaketable_faults::tls::ToCallee;

use super::Refusal;
use crate::args::load::LoadArgs;
use crate::exit;

/// The load that is asked for.
pub(super) fn spec(args: &LoadArgs) -> Result<Spec, Refusal> {
    let wrong = |why: String| (exit::USAGE, why);
    let url: Uri = args
        .url
        .parse()
        .map_err(|error| wrong(format!("`{}` is no URL: {error}", args.url)))?;
    let act = act(args, &url).map_err(wrong)?;
    let target = target(args, &url)?;
    let at_rate = || {
        let profile = Profile::constant(args.rate.0);
        Arrival::Open(Moments::Rate(profile, args.spacing.into()))
    };
    let arrival = args.users.map_or_else(at_rate, |users| Arrival::Users {
        users: usize::try_from(users).unwrap_or(usize::MAX),
        think: args.think.unwrap_or_default().0,
    });
    let script = Script::alone(1, Step::new(0, args.timeout.0, act));
    let stream = Stream {
        name: String::new(),
        starts: Phase::WarmUp,
        after: Duration::ZERO,
        lasts: Some(args.warm_up.0 + args.lasts.0),
        calls: args.calls,
        arrival,
        again: false,
        in_flight: usize::try_from(args.in_flight).unwrap_or(usize::MAX),
        scripts: vec![Arc::new(script)],
    };
    Ok(Spec {
        seed: args.seed,
        trace_base: args.seed | 1,
        salt: 0,
        pacing: args.pacing.into(),
        targets: vec![target],
        streams: vec![stream],
    })
}

fn act(args: &LoadArgs, url: &Uri) -> Result<Act, String> {
    let mut headers = Vec::new();
    for written in &args.headers {
        let (name, value) = written.split_once(':').ok_or_else(|| {
            format!("`{written}` is no header; write one as in `Accept: text/plain`")
        })?;
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| format!("`{name}` cannot name a header"))?;
        HeaderValue::from_str(value.trim())
            .map_err(|_| format!("`{written}` cannot be sent as a header"))?;
        let place = name.as_str().to_owned();
        headers.push((name, filled(value.trim(), Form::Header, &place)?));
    }
    let mut body = filled(
        args.body.as_deref().unwrap_or_default(),
        Form::Plain,
        "body",
    )?;
    if let Some(json) = &args.json {
        body = filled_json(json)?;
        if !headers
            .iter()
            .any(|(name, _)| name == http::header::CONTENT_TYPE)
        {
            let json = Template::fixed("application/json");
            headers.push((http::header::CONTENT_TYPE, json));
        }
    }
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let blueprint = Blueprint {
        target: 0,
        method: Method::from_bytes(args.method.to_uppercase().as_bytes())
            .map_err(|_| format!("`{}` is no method", args.method))?,
        path: Template::fixed(path),
        headers,
        body,
    };
    Ok(blueprint.into_act())
}

/// What a template on the command line may use, and a place of its own for what is random in it.
fn known(place: &str) -> Known<'static> {
    Known {
        data: Data::Absent,
        captured: &[],
        later: &[],
        place: dice::hash(place.as_bytes()),
    }
}

fn filled(text: &str, form: Form, place: &str) -> Result<Template, String> {
    let mut problems = Vec::new();
    let template = Template::parse(text, form, &known(place), &mut problems);
    right(template, &problems)
}

/// JSON as it is written, unless something is filled in.
fn filled_json(text: &str) -> Result<Template, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("--json is no JSON: {error}"))?;
    let mut problems = Vec::new();
    let template = Template::of_json(&value, &known("json"), &mut problems);
    if problems.is_empty() && template.plain().is_some() {
        return Ok(Template::fixed(text));
    }
    right(template, &problems)
}

fn right(template: Template, problems: &[Problem]) -> Result<Template, String> {
    match problems.first() {
        None => Ok(template),
        Some(problem) => Err(problem.to_string()),
    }
}

fn target(args: &LoadArgs, url: &Uri) -> Result<Target, Refusal> {
    let usage = |why: String| (exit::USAGE, why);
    let secure = match url.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => {
            let like = "write one as in http://127.0.0.1:8080/";
            let why = format!("`{}` is no URL that can be loaded; {like}", args.url);
            return Err(usage(why));
        }
    };
    let authority = url
        .authority()
        .ok_or_else(|| usage(format!("there is no host in `{}`", args.url)))?;
    let name = authority.host().trim_matches(['[', ']']);
    let tls = if secure {
        Some(believed(args, name)?)
    } else if args.ca.is_some() || args.insecure {
        let why = "--ca and --insecure are for https://".to_owned();
        return Err(usage(why));
    } else {
        None
    };
    let address = match &args.unix {
        Some(socket) => Address::Unix(socket.clone()),
        None => address(args, authority, name, secure)?,
    };
    Ok(Target {
        remote: args.remote,
        version: if args.http2 {
            Version::Http2
        } else {
            Version::Http1
        },
        tls,
        keep_alive: !args.no_keep_alive,
        connections: args.connections.and_then(|most| usize::try_from(most).ok()),
        ..Target::new(address, authority.to_string())
    })
}

/// Where the host is. That it can be found, and is this machine's where it has to be, is seen to
/// before anything is sent.
fn address(
    args: &LoadArgs,
    authority: &Authority,
    name: &str,
    secure: bool,
) -> Result<Address, Refusal> {
    let port = authority
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let found = (name, port).to_socket_addrs();
    let found = found.map_err(|error| (exit::ENVIRONMENT, format!("look `{name}` up: {error}")))?;
    if !args.remote && found.into_iter().any(|at| !at.ip().is_loopback()) {
        let why =
            format!("`{name}` is not this machine; if it may be loaded, say so with --remote");
        return Err((exit::USAGE, why));
    }
    Ok(match name.parse::<IpAddr>() {
        Ok(ip) => Address::Tcp((ip, port).into()),
        Err(_) => Address::Host {
            name: name.to_owned(),
            port,
        },
    })
}

/// By whom the target has to be vouched for.
fn believed(args: &LoadArgs, name: &str) -> Result<ToCallee, Refusal> {
    let wrong = |file: &Path, why: &dyn std::fmt::Display| {
        (exit::ENVIRONMENT, format!("read {}: {why}", file.display()))
    };
    match &args.ca {
        Some(file) => {
            let pem = std::fs::read(file).map_err(|error| wrong(file, &error))?;
            ToCallee::known(&pem, name).map_err(|error| wrong(file, &error))
        }
        None if args.insecure => {
            ToCallee::anyone(name).map_err(|error| (exit::USAGE, error.to_string()))
        }
        None => {
            let why = "say whom to believe: --ca FILE, or --insecure for anyone".to_owned();
            Err((exit::USAGE, why))
        }
    }
}
