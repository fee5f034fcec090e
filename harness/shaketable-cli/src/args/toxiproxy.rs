//! The command line of `shaketable toxiproxy`, which is that of Toxiproxy's client.

use clap::{Args as ClapArgs, Subcommand};

/// Speaks to a server of Toxiproxy's API, ours or theirs.
#[derive(Clone, Debug, ClapArgs)]
#[command(arg_required_else_help = true)]
pub(crate) struct ToxiproxyArgs {
    /// Where the server is
    #[arg(
        long,
        env = "TOXIPROXY_URL",
        default_value = "http://localhost:8474",
        global = true
    )]
    pub(crate) host: String,
    /// The server's token, if it wants one
    #[arg(long, env = "SHAKETABLE_TOKEN", hide_env_values = true, global = true)]
    pub(crate) token: Option<String>,
    #[command(subcommand)]
    pub(crate) command: ToxiproxyCommand,
}

/// What can be asked of it.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ToxiproxyCommand {
    /// List all proxies
    #[command(visible_aliases = ["l", "li", "ls"])]
    List,
    /// Show one proxy and its toxics
    #[command(visible_aliases = ["i", "ins"])]
    Inspect {
        /// The proxy
        name: String,
    },
    /// Create a proxy
    #[command(visible_aliases = ["c", "new"])]
    Create {
        /// Where it listens
        #[arg(short, long, value_name = "ADDRESS")]
        listen: String,
        /// Where it leads to
        #[arg(short, long, value_name = "ADDRESS")]
        upstream: String,
        /// What it speaks, where the server is ours: tcp, http or auto
        #[arg(long)]
        protocol: Option<String>,
        /// What it is called
        name: String,
    },
    /// Enable a proxy that is disabled, and the other way round
    #[command(visible_aliases = ["tog"])]
    Toggle {
        /// The proxy
        name: String,
    },
    /// Delete a proxy
    #[command(visible_aliases = ["d"])]
    Delete {
        /// The proxy
        name: String,
    },
    /// Add, update or remove a toxic
    #[command(visible_aliases = ["t"])]
    Toxic {
        #[command(subcommand)]
        command: ToxicCommand,
    },
}

/// What can be done with toxics.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ToxicCommand {
    /// Add a toxic
    #[command(visible_aliases = ["a"])]
    Add {
        /// Its type: latency, bandwidth, timeout, … or any of `shaketable faults`
        #[arg(short = 't', long = "type")]
        kind: String,
        /// What it is called; its type and its stream when left out
        #[arg(
            short = 'n',
            long = "toxicName",
            alias = "toxic-name",
            value_name = "NAME"
        )]
        toxic: Option<String>,
        #[command(flatten)]
        effect: EffectArgs,
        /// On what the client sends
        #[arg(short, long, conflicts_with = "downstream")]
        upstream: bool,
        /// On what the server sends (the default)
        #[arg(short, long)]
        downstream: bool,
        /// The proxy
        proxy: String,
    },
    /// Change a toxic
    #[command(visible_aliases = ["u"])]
    Update {
        /// Which
        #[arg(
            short = 'n',
            long = "toxicName",
            alias = "toxic-name",
            value_name = "NAME"
        )]
        toxic: String,
        #[command(flatten)]
        effect: EffectArgs,
        /// The proxy
        proxy: String,
    },
    /// Remove a toxic
    #[command(visible_aliases = ["r", "delete", "d"])]
    Remove {
        /// Which
        #[arg(
            short = 'n',
            long = "toxicName",
            alias = "toxic-name",
            value_name = "NAME"
        )]
        toxic: String,
        /// The proxy
        proxy: String,
    },
}

/// What a toxic does.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct EffectArgs {
    /// An attribute, as in latency=100 or times={"first":2}; may be given more than once
    #[arg(short, long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
    pub(crate) attribute: Vec<(String, serde_json::Value)>,
    /// The share of the connections that it hits, 0 to 1
    #[arg(long, alias = "tox", value_parser = share)]
    pub(crate) toxicity: Option<f64>,
    /// For how long it holds unless that is renewed, where the server is ours
    #[arg(long, value_name = "DURATION")]
    pub(crate) lease: Option<String>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "not a number from 0 to 1".to_owned())
}

/// A number is a number, JSON is JSON, and everything else is text.
fn attribute(text: &str) -> Result<(String, serde_json::Value), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| "not of the form key=value".to_owned())?;
    let value = match serde_json::from_str(value) {
        Ok(value) => value,
        Err(why) if value.starts_with(['{', '[']) => return Err(why.to_string()),
        Err(_) => serde_json::Value::String(value.to_owned()),
    };
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_are_numbers_json_or_text() {
        let value = |text: &str| attribute(text).unwrap().1;
        assert_eq!(value("latency=100"), json!(100));
        assert_eq!(value("loss_rate=0.5"), json!(0.5));
        assert_eq!(value("shared=true"), json!(true));
        assert_eq!(value("in=2s"), json!("2s"));
        assert_eq!(value("body=a=b"), json!("a=b"));
        assert_eq!(value("times={\"first\":2}"), json!({ "first": 2 }));
        assert!(attribute("times={first:2}").is_err());
        assert!(attribute("latency").is_err());
    }
}
