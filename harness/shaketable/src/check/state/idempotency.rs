//! `idempotency`: what the callee has done already is not done again because its answer was lost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::attempts::{self, Tries};
use crate::check::recipe::{Alone, Kinds, Recipe, about_http, answer_lost};
use crate::check::retries::retry_discipline::header;
use crate::check::view::View;
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{EdgeFacts, Ended, Exchange};

/// The parameters of `idempotency`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// The edge; every faulted edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The header by which the callee knows a request that comes again.
    #[serde(default = "header")]
    pub header: String,
}

impl Known for Idempotency {
    const NAME: &'static str = "idempotency";
    const HOLDS_WHEN: &'static str = "a request whose answer was lost after the callee acted takes effect once: it is not sent again, or with the same idempotency key";
    const EXAMPLE: &'static str = "idempotency: { edge: order -> inventory }";
    const PAGE: Page = Page {
        measures: "For each call, made alone, whose POST or PATCH reached the callee and whose answer was lost: the exchanges of that operation that the callee got. One is sound, and so are several that all carry the same key, by which the callee can tell that it is one request. PUT, DELETE and GET may be repeated (RFC 9110, section 9.2.2). What the callee makes of the key is not seen on the edge.",
        recipe: "Two calls of each kind that needs the edge, one at a time, while the answer to the first attempt of each request is lost by a reset, after the callee has acted.",
        defaults: "One effect for each call. `header: idempotency-key` is the name in the IETF's draft.",
        inconclusive: "No answer was lost after its effect (an error before it tests nothing); calls that make several such exchanges each; keys that were not noted.",
    };
    const TIMED: bool = false;
}

const CLAIM: &str = "a lost answer does not make the callee act twice";
const NEXT: &str = "make one idempotency key for each logical request and send it with every attempt, or do not retry";

impl Check for Idempotency {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        attempts::each_edge(view, self.edge.as_ref(), (Self::NAME, CLAIM), |edge| {
            self.judge_edge(view, edge)
        })
    }

    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        about_http(self.edge.as_ref(), edges)
            .map(|edge| Recipe::alone(&edge.name, answer_lost(), Alone::calls(2, Kinds::All)))
            .collect()
    }

    fn notes(&self) -> Vec<String> {
        vec![self.header.to_lowercase()]
    }
}

/// Whether the callee acted, and its caller does not know.
fn is_lost(exchange: &Exchange) -> bool {
    let told = exchange.ended == Ended::Answered && exchange.status.is_some_and(|s| s < 500);
    exchange.fault.is_some() && exchange.executed && exchange.end.is_some() && !told
}

impl Idempotency {
    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = view.recording.edges[edge].to_string();
        let verdict = Verdict::about(Self::NAME, name.clone(), CLAIM);
        let tried = attempts::tried_on(view, edge);
        if tried.is_empty() {
            return verdict.inconclusive(
                "no call was made alone while answers were lost, so it is not known which exchanges are one request",
            );
        }
        let (mut lost, mut repeatable, mut untold) = (0_usize, 0_usize, 0_usize);
        let (mut once, mut keyed) = (0_usize, 0_usize);
        let mut most = 1;
        let mut wrong = None;
        let all = tried.iter().flat_map(|tried| &tried.tries);
        for tries in all.filter(|tries| tries.exchanges.iter().any(|e| is_lost(e))) {
            if !tries.must_not_repeat() {
                repeatable += 1;
            } else if tries.usual.most > 1 {
                untold += 1;
            } else {
                lost += 1;
                let executed = tries.exchanges.iter().filter(|e| e.executed).count();
                most = most.max(executed);
                match self.effects(view, tries) {
                    Effects::One => once += 1,
                    Effects::OneByKey => keyed += 1,
                    Effects::Many(why) => wrong = Some((tries.operation, executed, why)),
                }
            }
        }
        let verdict = verdict
            .exercised(lost + repeatable, "requests whose answer was lost after the effect")
            .measured(format!("{most} executed for one call"), "1, or one key for all")
            .evidence(format!(
                "POST and PATCH: {lost}; {once} sent once, {keyed} again with the same key; others, which may be repeated: {repeatable}"
            ))
            .evidence("calls made one at a time");
        if let Some((operation, executed, why)) = wrong {
            if !view.was_noted(&self.header.to_lowercase()) {
                return verdict.inconclusive(format!(
                    "`{operation}` was executed {executed} times for one call, and nobody noted its key"
                ));
            }
            let reason = format!("`{operation}` was executed {executed} times for one call, {why}");
            return verdict.fail(reason, NEXT);
        }
        if lost + repeatable == 0 {
            let why = match untold {
                0 => format!("no answer was lost on {name} after the callee had acted"),
                _ => "calls make several such exchanges each, so attempts cannot be told from them"
                    .to_owned(),
            };
            return verdict.inconclusive(why);
        }
        let verdict = if keyed > 0 {
            verdict.evidence("what the callee makes of the key is not seen here")
        } else {
            verdict
        };
        verdict.pass()
    }

    fn effects<'a>(&self, view: &View<'a>, tries: &Tries<'a>) -> Effects {
        let header = self.header.to_lowercase();
        let executed: Vec<&'a Exchange> = tries
            .exchanges
            .iter()
            .copied()
            .filter(|exchange| exchange.executed)
            .collect();
        let [first, rest @ ..] = executed.as_slice() else {
            return Effects::One;
        };
        if rest.is_empty() {
            return Effects::One;
        }
        let key = view.noted(first, &header);
        let same = rest.iter().all(|next| view.noted(next, &header) == key);
        match key {
            Some(_) if same => Effects::OneByKey,
            Some(_) => Effects::Many("with another key each time"),
            None => Effects::Many("without a key by which the callee could know"),
        }
    }
}

/// How often a request can have taken effect.
enum Effects {
    /// The callee got it once.
    One,
    /// It got it several times, with one key.
    OneByKey,
    /// It could not know that it was the same; and why not.
    Many(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{HandMade, MS, S, bad};

    fn check() -> Idempotency {
        serde_json::from_str("{}").unwrap()
    }

    /// A call made alone that sends this so often, with these keys; the first answer is lost.
    fn sent(operation: &str, keys: &[Option<&str>]) -> HandMade {
        let mut made = HandMade::order().fault(0).call(0, 21 * S, bad(5 * S));
        made = made.with(|r| {
            r.calls.last_mut().unwrap().serial = true;
            r.seen[0].operations[0] = operation.to_owned();
            r.noted.push("idempotency-key".to_owned());
        });
        for (at, key) in (1..).zip(keys) {
            let at = 21 * S + at * 10 * MS;
            made = if at == 21 * S + 10 * MS {
                made.exchange(0, at, Some(at + MS), Ended::Fault).hit(0, 0)
            } else {
                made.exchange(0, at, Some(at + MS), Ended::Answered)
            };
            if let Some(key) = key {
                made = made.noted(0, "idempotency-key", key);
            }
        }
        made
    }

    #[test]
    fn a_retry_needs_the_key_of_the_first_attempt() {
        sent("POST /c", &[Some("a"), Some("a")])
            .judged_by(&check())
            .passes();
        sent("POST /c", &[Some("a"), Some("b")])
            .judged_by(&check())
            .fails("another key");
        sent("POST /c", &[Some("a"), None])
            .judged_by(&check())
            .fails("another key");
        sent("POST /c", &[None, None])
            .judged_by(&check())
            .fails("executed 2 times");
    }

    #[test]
    fn who_does_not_send_again_needs_no_key() {
        let verdict = sent("POST /c", &[None]).judged_by(&check());
        verdict.passes();
        assert_eq!(verdict.exercised, 1);
        sent("PUT /c", &[None, None]).judged_by(&check()).passes();
    }

    #[test]
    fn an_error_before_the_effect_tests_nothing() {
        sent("POST /c", &[None, None])
            .with(|r| {
                for exchange in r.seen[0].exchanges.iter_mut().filter(|e| e.fault.is_some()) {
                    exchange.executed = false;
                }
            })
            .judged_by(&check())
            .is_open("no answer was lost");
        HandMade::order()
            .judged_by(&check())
            .is_open("no faulted edge");
        HandMade::order()
            .fault(0)
            .judged_by(&check())
            .is_open("made alone");
    }

    #[test]
    fn a_key_that_nobody_looked_at_clears_nobody() {
        sent("POST /c", &[None, None])
            .with(|r| r.noted.clear())
            .judged_by(&check())
            .is_open("nobody noted");
    }
}
