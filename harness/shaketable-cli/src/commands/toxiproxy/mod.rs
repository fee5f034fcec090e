//! `shaketable toxiproxy`: speaks to a server of Toxiproxy's API, and says what it said. On a
//! terminal it is for people; elsewhere its lines are those of Toxiproxy's own client.

mod client;
mod show;

use std::io::IsTerminal;

use reqwest::Method;
use serde_json::{Map, Value, json};

use self::client::{Client, Refused};
use crate::args::toxiproxy::{EffectArgs, ToxicCommand, ToxiproxyArgs, ToxiproxyCommand};
use crate::exit::{self, Exit};
use crate::terminal::{complain, say};

pub(super) fn toxiproxy(args: &ToxiproxyArgs) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("failed to start: {error}"));
            return exit::ENVIRONMENT;
        }
    };
    let asked = async {
        let client = Client::new(&args.host, args.token.as_deref())?;
        ask(&client, &args.command).await
    };
    match runtime.block_on(asked) {
        Ok(said) => {
            say(&said);
            exit::OK
        }
        Err(refused) => {
            complain(&refused.to_string());
            match refused {
                Refused::Address(_) => exit::USAGE,
                Refused::Unreachable { .. } => exit::ENVIRONMENT,
                Refused::Said { .. } => exit::FAILED,
            }
        }
    }
}

/// Whether a person reads it.
fn for_people() -> bool {
    std::io::stdout().is_terminal()
}

async fn ask(client: &Client, command: &ToxiproxyCommand) -> Result<String, Refused> {
    match command {
        ToxiproxyCommand::List => {
            let all = client.call(Method::GET, &["proxies"], None, "list the proxies");
            Ok(show::list(&all.await?, for_people()))
        }
        ToxiproxyCommand::Inspect { name } => {
            let proxy = proxy(client, name).await?;
            Ok(show::inspect(&proxy, for_people()))
        }
        ToxiproxyCommand::Create {
            listen,
            upstream,
            protocol,
            name,
        } => {
            let mut proxy = json!({
                "name": name, "listen": listen, "upstream": upstream, "enabled": true,
            });
            if let Some(protocol) = protocol {
                proxy["protocol"] = json!(protocol);
            }
            let what = format!("create proxy `{name}`");
            client
                .call(Method::POST, &["proxies"], Some(proxy), &what)
                .await?;
            Ok(format!("Created new proxy {name}"))
        }
        ToxiproxyCommand::Toggle { name } => {
            let enabled = proxy(client, name).await?["enabled"] != json!(true);
            let change = json!({ "enabled": enabled });
            let what = format!("toggle proxy `{name}`");
            client
                .call(Method::POST, &["proxies", name], Some(change), &what)
                .await?;
            let now = show::enabled(enabled);
            Ok(format!("Proxy {name} is now {now}"))
        }
        ToxiproxyCommand::Delete { name } => {
            let what = format!("delete proxy `{name}`");
            client
                .call(Method::DELETE, &["proxies", name], None, &what)
                .await?;
            Ok(format!("Deleted proxy {name}"))
        }
        ToxiproxyCommand::Toxic { command } => toxic(client, command).await,
    }
}

async fn proxy(client: &Client, name: &str) -> Result<Value, Refused> {
    let what = format!("find proxy `{name}`");
    client
        .call(Method::GET, &["proxies", name], None, &what)
        .await
}

async fn toxic(client: &Client, command: &ToxicCommand) -> Result<String, Refused> {
    match command {
        ToxicCommand::Add {
            kind,
            toxic,
            effect,
            upstream,
            downstream: _,
            proxy,
        } => {
            let mut body = body(effect);
            body["type"] = json!(kind);
            body["stream"] = json!(if *upstream { "upstream" } else { "downstream" });
            if let Some(toxic) = toxic {
                body["name"] = json!(toxic);
            }
            let what = format!("add a toxic to proxy `{proxy}`");
            let path = ["proxies", proxy, "toxics"];
            let added = client.call(Method::POST, &path, Some(body), &what).await?;
            let text = |key: &str| added[key].as_str().unwrap_or_default().to_owned();
            Ok(format!(
                "Added {} {} toxic '{}' on proxy '{proxy}'",
                text("stream"),
                text("type"),
                text("name")
            ))
        }
        ToxicCommand::Update {
            toxic,
            effect,
            proxy,
        } => {
            let what = format!("update toxic `{toxic}` of proxy `{proxy}`");
            let path = ["proxies", proxy, "toxics", toxic];
            client
                .call(Method::POST, &path, Some(body(effect)), &what)
                .await?;
            Ok(format!("Updated toxic '{toxic}' on proxy '{proxy}'"))
        }
        ToxicCommand::Remove { toxic, proxy } => {
            let what = format!("remove toxic `{toxic}` from proxy `{proxy}`");
            let path = ["proxies", proxy, "toxics", toxic];
            client.call(Method::DELETE, &path, None, &what).await?;
            Ok(format!("Removed toxic '{toxic}' on proxy '{proxy}'"))
        }
    }
}

/// What is said of a toxic's effect; what is not said stays as it is, or is the default.
fn body(effect: &EffectArgs) -> Value {
    let attributes: Map<String, Value> = effect.attribute.iter().cloned().collect();
    let mut body = json!({ "attributes": attributes });
    if let Some(toxicity) = effect.toxicity {
        body["toxicity"] = json!(toxicity);
    }
    if let Some(lease) = &effect.lease {
        body["lease"] = json!(lease);
    }
    body
}
