//! What the server tells whoever runs it, line by line.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How much a line matters. The names are Toxiproxy's, and what it takes for `LOG_LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something could not be done.
    Error,
    /// Something was done that is perhaps not what was meant.
    Warn,
    /// A proxy or the server began or ended.
    Info,
    /// A request was answered.
    Debug,
    /// Everything.
    Trace,
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "panic" | "fatal" | "error" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "info" => Self::Info,
            "debug" => Self::Debug,
            "trace" => Self::Trace,
            _ => {
                return Err(format!(
                    "`{text}` is no log level; write error, warn, info, debug or trace"
                ));
            }
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

/// Who is told: a line, and how much it matters.
type Listener = dyn Fn(Level, &str) + Send + Sync;

/// Where lines go.
#[derive(Clone)]
pub struct Log {
    most: Level,
    to: Arc<Listener>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Tells lines up to this level.
    pub fn new(most: Level, to: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self {
            most,
            to: Arc::new(to),
        }
    }

    /// Tells nobody anything.
    pub fn silent() -> Self {
        Self::new(Level::Error, |_, _| {})
    }

    /// Tells a line, if lines of this level are told; only then it is made.
    pub fn tell(&self, level: Level, line: impl FnOnce() -> String) {
        if level <= self.most {
            (self.to)(level, &line());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_level_hides_what_lies_beyond_it() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&told);
        let log = Log::new(Level::Warn, move |level, line| {
            into.lock().unwrap().push(format!("{level} {line}"));
        });
        log.tell(Level::Error, || "a".to_owned());
        log.tell(Level::Warn, || "b".to_owned());
        log.tell(Level::Info, || "c".to_owned());
        assert_eq!(*told.lock().unwrap(), ["error a", "warn b"]);
    }

    #[test]
    fn levels_have_toxiproxys_names() {
        assert_eq!("WARNING".parse(), Ok(Level::Warn));
        assert_eq!("fatal".parse(), Ok(Level::Error));
        assert!("loud".parse::<Level>().unwrap_err().contains("loud"));
    }
}
