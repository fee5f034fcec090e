//! Quantities as people write them: `250ms`, `100/s`, `1MiB`, `5%`.
//!
//! Each type parses from text, prints back in the same notation, and describes itself to the JSON
//! Schema through `format`, so that a validator can say what is wrong with a value before any
//! suite is built from it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time with its unit: `250ms`, `3s`, `1m30s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

/// A hundred years: behind any moment, so much later is still a moment.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Something per time: `100/s`, `30/m`, `0.1/s`. Held as events per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

/// A share between nothing and all: `5%`. Held as a fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

/// A number of bytes: `64B`, `10kB`, `1MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Addresses of hosts: one, or all of a network: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many leading bits count.
    bits: u32,
}

impl Network {
    /// Whether a host belongs to it.
    pub fn holds(&self, host: IpAddr) -> bool {
        // Aligned to the left, so that the leading bits are the same ones in both families.
        let bits_of = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
            IpAddr::V6(v6) => (v6.to_bits(), false),
        };
        let (own, own_family) = bits_of(self.address);
        let (other, family) = bits_of(host.to_canonical());
        let differing = (own ^ other).leading_zeros();
        own_family == family && differing >= self.bits
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not an address or a network; write it as in 127.0.0.1 or 10.0.0.0/8"
            )
        };
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.trim().parse().map_err(|_| wrong()))?;
        if bits > all {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.address.is_ipv4() { 32 } else { 128 };
        write!(f, "{}", self.address)?;
        if self.bits < all {
            write!(f, "/{}", self.bits)?;
        }
        Ok(())
    }
}

/// Splits `1.5s` into its number and its unit, and what follows.
fn number_and_unit(text: &str) -> Option<(f64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')?;
    let number = text[..digits].replace('_', "").parse().ok()?;
    let rest = &text[digits..];
    let unit = rest
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(rest.len());
    Some((number, rest[..unit].trim(), rest[unit..].trim_start()))
}

/// Seconds in one unit of time.
fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a duration; write a number and a unit, as in 250ms, 3s or 1m30s"
            )
        };
        let mut rest = text.trim();
        let mut total = 0.0;
        loop {
            let (number, unit, more) = number_and_unit(rest).ok_or_else(wrong)?;
            total += number * seconds_in(unit).ok_or_else(wrong)?;
            if more.is_empty() {
                break;
            }
            rest = more;
        }
        Duration::try_from_secs_f64(total)
            .ok()
            .filter(|time| *time <= LONGEST)
            .map(HumanDuration)
            .ok_or_else(|| format!("`{text}` is longer than can be counted"))
    }
}

impl fmt::Display for HumanDuration {
    /// Exact, so that what was written can be read again; see [`brief`] for measurements.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos() as f64;
        match self.0.as_nanos() {
            0 => write!(f, "0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write!(f, "{}µs", nanos / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{}ms", nanos / 1e6),
            _ => write!(f, "{}s", nanos / 1e9),
        }
    }
}

/// A measured time for the eye: three significant digits.
pub fn brief(time: Duration) -> String {
    let secs = time.as_secs_f64();
    match time.as_nanos() {
        0..1_000_000 => format!("{}µs", short(secs * 1e6)),
        1_000_000..1_000_000_000 => format!("{}ms", short(secs * 1e3)),
        _ => format!("{}s", short(secs)),
    }
}

/// Three significant digits, without trailing zeros.
fn short(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a rate; write a number per time, as in 100/s or 30/m");
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let count: f64 = count.trim().replace('_', "").parse().map_err(|_| wrong())?;
        let rate = count / seconds_in(per.trim()).ok_or_else(wrong)?;
        if rate.is_finite() && rate > 0.0 {
            Ok(Rate(rate))
        } else {
            Err(format!("the rate `{text}` must be above zero"))
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a percentage; write it as in 5%");
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
        let share = number.trim().parse::<f64>().map_err(|_| wrong())? / 100.0;
        if (0.0..=1.0).contains(&share) {
            Ok(Percent(share))
        } else {
            Err(format!("`{text}` lies outside 0% to 100%"))
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a size; write a number and a unit, as in 64B, 10kB or 1MiB")
        };
        let (number, unit, rest) = number_and_unit(text.trim()).ok_or_else(wrong)?;
        let bytes_in = match unit {
            "B" => 1.0,
            "kB" | "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            _ => return Err(wrong()),
        };
        let bytes = number * bytes_in;
        if !rest.is_empty() || bytes > 9e15 {
            return Err(wrong());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded just above, and digits have no sign"
        )]
        Ok(Size(bytes as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        match bytes {
            _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => {
                write!(f, "{}MiB", bytes >> 20)
            }
            _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => {
                write!(f, "{}KiB", bytes >> 10)
            }
            _ => write!(f, "{bytes}B"),
        }
    }
}

/// Text in files, and in the schema a string of a named format.
macro_rules! written_as_text {
    ($($unit:ident, $format:literal, $pattern:literal, $example:literal;)*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $unit {
            fn schema_name() -> Cow<'static, str> {
                stringify!($unit).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "format": $format,
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    )*};
}

written_as_text! {
    HumanDuration, "duration-text", r"^([0-9._]+ ?(ns|us|µs|ms|s|m|min|h) ?)+$", "250ms";
    Rate, "rate-text", r"^[0-9._]+ ?/ ?(ms|s|m|min|h)$", "100/s";
    Percent, "percent-text", r"^[0-9.]+ ?%$", "5%";
    Network, "network-text", r"^[0-9A-Fa-f.:]+(/[0-9]+)?$", "10.0.0.0/8";
    Size, "size-text", r"^[0-9._]+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)$", "64B";
}

/// Says what is wrong with a text of one of this module's formats; `None` when it is fine or the
/// format is none of them.
pub fn complaint(format: &str, text: &str) -> Option<String> {
    match format {
        "duration-text" => text.parse::<HumanDuration>().err(),
        "rate-text" => text.parse::<Rate>().err(),
        "percent-text" => text.parse::<Percent>().err(),
        "size-text" => text.parse::<Size>().err(),
        "network-text" => text.parse::<Network>().err(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> Duration {
        text.parse::<HumanDuration>().unwrap().0
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("250ms"), Duration::from_millis(250));
        assert_eq!(duration("1m30s"), Duration::from_secs(90));
        assert_eq!(duration("1.5s"), Duration::from_millis(1500));
        for wrong in [
            "",
            "3",
            "s",
            "3 parsecs",
            "-3s",
            "3s4",
            "..s",
            "9e99h",
            "900000h",
        ] {
            assert!(wrong.parse::<HumanDuration>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        for text in ["0s", "250ms", "3s", "1.234567s", "12µs", "150s"] {
            assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), text);
        }
        assert_eq!("30/m".parse::<Rate>().unwrap().to_string(), "0.5/s");
        assert_eq!("5%".parse::<Percent>().unwrap().to_string(), "5%");
        assert_eq!("1MiB".parse::<Size>().unwrap().to_string(), "1MiB");
    }

    #[test]
    fn a_network_holds_its_hosts() {
        let holds = |network: &str, host: &str| {
            network
                .parse::<Network>()
                .unwrap()
                .holds(host.parse().unwrap())
        };
        assert!(holds("127.0.0.1", "127.0.0.1"));
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1"), "the same host");
        assert!(!holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("10.0.0.0/8", "10.200.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(!holds("0.0.0.0/0", "::1"), "another family");
        assert!(holds("fd00::/8", "fdab::1"));
        assert!(holds("::1", "::1"));
        for wrong in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "::1/129",
            "1.2.3",
        ] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        for text in ["127.0.0.1", "10.0.0.0/8", "fd00::/8"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn rates_percentages_and_sizes_refuse_nonsense() {
        assert!("0/s".parse::<Rate>().is_err());
        assert!("100".parse::<Rate>().is_err());
        assert!("101%".parse::<Percent>().is_err());
        assert!("5".parse::<Percent>().is_err());
        assert!("10".parse::<Size>().is_err());
        assert!("10MB20".parse::<Size>().is_err());
    }
}
