//! The command line of `shaketable proxy`, which is that of Toxiproxy's server and some more.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;

/// Proxies of their own, under Toxiproxy's HTTP API.
#[derive(Clone, Debug, ClapArgs)]
#[command(
    after_help = "Toxiproxy's clients and tools work with it as they are; see `shaketable toxiproxy`. \
LOG_LEVEL says how much is told: error, warn, info (the default), debug."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ProxyArgs {
    /// The host on which the API listens; beyond this machine it wants a token
    #[arg(long, default_value = "localhost")]
    pub(crate) host: String,
    /// The port on which the API listens; 0 for any free one
    #[arg(long, default_value_t = 8474)]
    pub(crate) port: u16,
    /// A JSON file with the proxies to begin with, in the form of POST /populate
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The seed of every random decision; a fresh one when left out
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Count the bytes of the proxies in GET /metrics
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true", hide_possible_values = true
    )]
    pub(crate) proxy_metrics: bool,
    /// Tell of this process in GET /metrics
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true", hide_possible_values = true
    )]
    pub(crate) runtime_metrics: bool,
    /// Print the version
    #[arg(long)]
    pub(crate) version: bool,
    /// What requests to the API have to show, as `Authorization: Bearer TOKEN`
    #[arg(long, env = "SHAKETABLE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Let everybody in who reaches the API, as in a container whose port is not published
    #[arg(long, conflicts_with = "token")]
    pub(crate) no_token: bool,
    /// Begin with one proxy that listens here
    #[arg(long, value_name = "ADDRESS", requires = "upstream")]
    pub(crate) listen: Option<String>,
    /// Where that proxy leads to
    #[arg(long, value_name = "ADDRESS", requires = "listen")]
    pub(crate) upstream: Option<String>,
    /// What it speaks: tcp, http or auto
    #[arg(long, requires = "listen", default_value = "tcp")]
    pub(crate) protocol: String,
    /// What it is called
    #[arg(long, requires = "listen", default_value = "proxy")]
    pub(crate) name: String,
}

/// Go's numbers have a sign.
fn seed(text: &str) -> Result<u64, String> {
    let signed = || text.parse().map(i64::cast_unsigned);
    text.parse()
        .or_else(|_| signed())
        .map_err(|_| "not a whole number".to_owned())
}

/// The flags that Toxiproxy writes with one dash.
const FLAGS: [&str; 8] = [
    "host",
    "port",
    "config",
    "seed",
    "proxy-metrics",
    "runtime-metrics",
    "version",
    "help",
];

/// Lets `shaketable proxy -port 8474` mean `--port 8474`, as in Go.
pub(crate) fn with_two_dashes(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    if words.get(1).is_some_and(|command| command == "proxy") {
        for word in words.iter_mut().skip(2) {
            let flag = word.to_str().and_then(|word| word.strip_prefix('-'));
            let name = flag.and_then(|flag| flag.split('=').next());
            if name.is_some_and(|name| FLAGS.contains(&name)) {
                let mut two = OsString::from("-");
                two.push(&*word);
                *word = two;
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_flags_have_one_dash_and_others_stay() {
        let words = "shaketable proxy -port 1 -seed=-5 --host x -proxy-metrics -v -portal";
        let words = with_two_dashes(words.split(' ').map(OsString::from));
        let joined = words.join(OsString::from(" ").as_os_str());
        assert_eq!(
            joined,
            "shaketable proxy --port 1 --seed=-5 --host x --proxy-metrics -v -portal"
        );
        let other = with_two_dashes("shaketable run -port".split(' ').map(OsString::from));
        assert_eq!(other[2], "-port");
    }

    #[test]
    fn a_seed_may_be_below_zero() {
        assert_eq!(seed("-1"), Ok(u64::MAX));
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        assert!(seed("x").is_err());
    }
}
