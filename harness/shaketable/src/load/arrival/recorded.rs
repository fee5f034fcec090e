//! Reads moments at which calls once arrived.

use shaketable_faults::observe::Nanos;

/// Moments in seconds, one in each line: the first column where there are several; a first line
/// that is no number is a heading, and lines that begin with `#` say nothing. The first moment is
/// the beginning, whatever it is counted from.
///
/// # Errors
///
/// The line that is no moment, or earlier than the one before it.
pub fn recorded(text: &str) -> Result<Vec<Nanos>, String> {
    let mut moments: Vec<f64> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let first = line.split([',', ';', '\t', ' ']).next().unwrap_or_default();
        match first.trim_matches('"').parse::<f64>() {
            Ok(at) if at.is_finite() => {
                if moments.last().is_some_and(|before| at < *before) {
                    return Err(format!("line {number} is earlier than the one before it"));
                }
                moments.push(at);
            }
            Err(_) if number == 1 => {}
            _ => return Err(format!("line {number} does not begin with a number")),
        }
    }
    let Some(start) = moments.first().copied() else {
        return Err("it has no moments".to_owned());
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "none is before the first, and what is beyond 584 years is never due"
    )]
    let nanos = |at: f64| ((at - start) * 1e9).round() as Nanos;
    Ok(moments.into_iter().map(nanos).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_count_from_the_first() {
        let text = "time,path\n# from yesterday\n100.5,/a\n100.75,/b\n\n101,/c\n";
        assert_eq!(recorded(text), Ok(vec![0, 250_000_000, 500_000_000]));
    }

    #[test]
    fn what_is_no_trace_is_told_with_its_line() {
        let wrong = |text: &str| recorded(text).unwrap_err();
        assert_eq!(
            wrong("1\n2\n1.5\n"),
            "line 3 is earlier than the one before it"
        );
        assert_eq!(wrong("1\nx\n"), "line 2 does not begin with a number");
        assert_eq!(wrong("time\n"), "it has no moments");
        assert_eq!(wrong("1\nNaN\n"), "line 2 does not begin with a number");
    }
}
