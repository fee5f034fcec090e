//! Attempts of calls made one at a time: each exchange belongs to a known call.

use super::{CLAIM, NEXT, RetryAmplification};
use crate::check::attempts::{Tried, Tries};
use crate::check::view::View;
use crate::check::{Known, Verdict};

/// What one call did at the worst.
struct Worst<'a, 't> {
    tries: &'t Tries<'a>,
    /// So many attempts at the least: a failure stands on this.
    least: f64,
}

/// Judges what was tried on an edge with calls made alone.
pub(super) fn judge(view: &View<'_>, edge: usize, tried: &[Tried<'_>], bound: f64) -> Verdict {
    let name = view.recording.edges[edge].to_string();
    let verdict = Verdict::about(RetryAmplification::NAME, name.clone(), CLAIM);
    let mut verdict = verdict.measured("-", format!("≤ {bound} a call"));
    let mut exchanges = 0;
    let mut worst: Option<Worst<'_, '_>> = None;
    let (mut unclear, mut settled) = (None, false);
    for tried in tried {
        let mut most_here = 0.0_f64;
        for tries in &tried.tries {
            let count = tries.exchanges.len();
            exchanges += count;
            let least = count as f64 / tries.usual.most.max(1) as f64;
            most_here = most_here.max(least);
            if worst.as_ref().is_none_or(|worst| least > worst.least) {
                worst = Some(Worst { tries, least });
            }
            if least <= bound && may_be_more(tries, bound) {
                unclear = Some(tries);
            }
        }
        settled |= tried.left < tried.trial.calls.len() && !tried.tries.is_empty();
        let mut fact = format!(
            "{}: at most {most_here:.1} attempts in {} calls",
            tried.says(edge),
            tried.trial.calls.len()
        );
        if tried.left > 0 {
            fact = format!("{fact}, {} of which the client gave up", tried.left);
        }
        verdict = verdict.evidence(fact);
    }
    verdict = verdict.exercised(exchanges, "exchanges");
    let Some(worst) = worst else {
        return verdict.inconclusive(format!("nothing reached {name} while it was failing"));
    };
    verdict = verdict
        .measured(
            format!("{:.1} a call", worst.least),
            format!("≤ {bound} a call"),
        )
        .evidence(format!(
            "attempts of one call at {}: {:.1} ({})",
            worst.tries.operation,
            worst.least,
            worst.tries.by.says()
        ));
    if let Some(chain) = along_the_chain(view, edge, &worst) {
        verdict = verdict.evidence(chain);
    }
    if worst.least > bound + 1e-9 {
        return verdict.fail(
            format!("one call makes {:.1} attempts on {name}", worst.least),
            NEXT,
        );
    }
    if let Some(tries) = unclear {
        return verdict.inconclusive(format!(
            "a call makes {} exchanges `{}`, and up to {} when all is well: attempts cannot be told from them",
            tries.exchanges.len(),
            tries.operation,
            tries.usual.most
        ));
    }
    if !settled {
        return verdict.inconclusive(
            "the client gave up every call before its caller was done, so more attempts may have followed",
        );
    }
    verdict.pass()
}

/// Where a call usually asks several times, it may have stopped at the first of them that failed, and
/// all that was seen are attempts of that one.
fn may_be_more(tries: &Tries<'_>, bound: f64) -> bool {
    let count = tries.exchanges.len() as f64;
    let usual = tries.usual;
    usual.most > 1 && (count > bound && count < usual.mean || count > bound * usual.mean)
}

/// How the attempts multiply from edge to edge, from the edge's caller upwards.
fn along_the_chain(view: &View<'_>, edge: usize, worst: &Worst<'_, '_>) -> Option<String> {
    let recording = view.recording;
    let class = recording.calls[worst.tries.call].class;
    let mut chain = vec![(edge, worst.least)];
    while let Some((lowest, _)) = chain.last() {
        let caller = &recording.edges[*lowest].caller;
        let above = (0..recording.edges.len()).filter(|above| {
            recording.edges[*above].callee == *caller
                && chain.iter().all(|(known, _)| known != above)
        });
        let factor = |above: usize| {
            let count = view.exchanges_of(worst.tries.call, above).count() as f64;
            let usual = view.exchanges_per_call(class, above)?;
            (usual > 0.0 && count > 0.0).then(|| (above, count / usual))
        };
        let most = above
            .filter_map(factor)
            .max_by(|one, other| one.1.total_cmp(&other.1));
        let Some(most) = most else { break };
        chain.push(most);
    }
    if chain.len() < 2 {
        return None;
    }
    let links = chain.iter().enumerate().rev().map(|(at, (edge, total))| {
        let above = chain.get(at + 1).map_or(1.0, |(_, above)| *above);
        format!("{} {:.1}×", recording.edges[*edge], total / above)
    });
    let links: Vec<String> = links.collect();
    Some(format!("along the chain: {}", links.join(", ")))
}

#[cfg(test)]
mod tests {
    use crate::check::hand_made::{HandMade, MS, S, bad, good, timed_out};
    use crate::check::retries::retry_amplification::RetryAmplification;
    use crate::record::{Ended, Nanos, Recording};

    fn at_most(n: u64) -> RetryAmplification {
        serde_json::from_str(&format!(r#"{{"at_most": {n}}}"#)).unwrap()
    }

    /// Calls made alone in the fault phase, which make so many attempts each on these edges.
    fn alone(made: HandMade, attempts: &[(usize, u64)]) -> HandMade {
        let mut made = made;
        for call in 0..3 {
            let at = 21 * S + call * S;
            made = serial(made.call(0, at, bad(500 * MS)));
            for (edge, n) in attempts {
                made = (0..*n).fold(made, |made, i| attempt(made, *edge, at + (1 + i) * 10 * MS));
            }
        }
        made
    }

    fn serial(made: HandMade) -> HandMade {
        made.with(|recording: &mut Recording| recording.calls.last_mut().unwrap().serial = true)
    }

    fn attempt(made: HandMade, edge: usize, at: Nanos) -> HandMade {
        made.exchange(edge, at, Some(at + MS), Ended::Answered)
            .hit(edge, 0)
    }

    #[test]
    fn calls_made_alone_are_counted_exactly_up_to_the_bound_itself() {
        let made = alone(HandMade::order().fault(0), &[(0, 3)]);
        let verdict = made.clone().judged_by(&at_most(3));
        verdict.passes();
        assert_eq!(verdict.exercised, 9);
        let facts = verdict.evidence.join("\n");
        assert!(facts.contains("calls made one at a time"), "{facts}");
        made.judged_by(&at_most(2))
            .fails("one call makes 3.0 attempts");
    }

    #[test]
    fn one_call_alone_is_enough_to_fail() {
        let made = alone(HandMade::order().fault(0), &[(0, 1)]);
        let made = (0..3).fold(made, |made, i| {
            attempt(made, 0, 23 * S + (20 + i) * 10 * MS)
        });
        made.judged_by(&at_most(3)).fails("4.0 attempts");
    }

    #[test]
    fn attempts_multiply_along_a_chain() {
        let made = HandMade::new(&["gateway -> order", "order -> inventory"])
            .class("GET /", "gateway", &[0, 1])
            .fault(1);
        let verdict = alone(made, &[(0, 2), (1, 6)]).judged_by(&at_most(3));
        verdict.fails("one call makes 6.0 attempts on order -> inventory");
        let facts = verdict.evidence.join("\n");
        let chain = "along the chain: gateway -> order 2.0×, order -> inventory 3.0×";
        assert!(facts.contains(chain), "{facts}");
    }

    #[test]
    fn what_nothing_reached_is_not_judged() {
        alone(HandMade::order().fault(0), &[])
            .judged_by(&at_most(3))
            .is_open("nothing reached");
    }

    #[test]
    fn a_client_that_always_leaves_first_does_not_know() {
        let mut made = HandMade::order().hang(0);
        for call in 0..2 {
            let at = 21 * S + call * S;
            made = attempt(serial(made.call(0, at, timed_out(500 * MS))), 0, at + MS);
        }
        made.clone()
            .judged_by(&at_most(3))
            .is_open("the client gave up");
        alone(made, &[(0, 2)]).judged_by(&at_most(3)).passes();
    }

    #[test]
    fn several_exchanges_of_a_kind_are_no_retries_but_may_hide_some() {
        let many = |n: u64| {
            let mut made = HandMade::order().fault(0);
            for call in 0..3 {
                let at = S + call * S;
                made = serial(made.call(0, at, good(500 * MS)));
                for i in 0..5 {
                    let at = at + (1 + i) * 10 * MS;
                    made = made.exchange(0, at, Some(at + MS), Ended::Answered);
                }
            }
            // The survey's single exchanges would make it uneven.
            let made = made.with(|recording| {
                recording.calls.drain(..3);
                recording.seen[0].exchanges.drain(..3);
            });
            alone(made, &[(0, n)])
        };
        many(3).judged_by(&at_most(3)).passes();
        many(4).judged_by(&at_most(3)).is_open("cannot be told");
        many(10).judged_by(&at_most(3)).passes();
        many(16).judged_by(&at_most(3)).fails("3.2 attempts");
    }
}
