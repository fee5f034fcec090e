//! `retry_discipline`: a caller tries again only what may be tried again, and when it may.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::check::attempts::{self, Tried, Tries};
use crate::check::recipe::{Alone, Kinds, Recipe, about_http, answer_lost};
use crate::check::view::{View, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{EdgeFacts, Ended, Exchange, Nanos};

/// The parameters of `retry_discipline`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryDiscipline {
    /// The edge; every faulted edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The header by which the callee knows a request that comes again.
    #[serde(default = "header")]
    pub header: String,
}

/// The name in the IETF's draft (draft-ietf-httpapi-idempotency-key-header).
pub(crate) fn header() -> String {
    "idempotency-key".to_owned()
}

/// Answers that will be the same the next time.
const FINAL: [u16; 4] = [400, 401, 404, 409];
/// How long callers are told to wait.
const WAIT_SECONDS: u32 = 1;

impl Known for RetryDiscipline {
    const NAME: &'static str = "retry_discipline";
    const HOLDS_WHEN: &'static str = "400, 401, 404 and 409 are not retried, POST and PATCH without a key are not sent again when their answer was lost, and `Retry-After` is honoured";
    const EXAMPLE: &'static str = "retry_discipline: { edge: order -> inventory }";
    const PAGE: Page = Page {
        measures: "Attempts of one call, made alone: none follows a 400, 401, 404 or 409 (a 401 may be followed by another after something else was asked for: a fresh token); none follows a POST or PATCH (RFC 9110, section 9.2.2; RFC 5789) that ended without an answer, unless both carry the same idempotency key; none comes before the time that `Retry-After` says is over.",
        recipe: "Two calls of each kind that needs the edge, one at a time, for each of: 400, 401, 404, 409; a 503 with `Retry-After: 1`; a reset; the first answer lost after the callee acted.",
        defaults: "The statuses and rules are those of RFC 9110; `header: idempotency-key` is the name in the IETF's draft.",
        inconclusive: "Nothing of this was tried with calls made one at a time, or nothing of it reached the edge; calls that make several such exchanges each; keys that were not noted.",
    };
    const TIMED: bool = false;
}

const CLAIM: &str = "only what may be tried again is, and when it may";
const NEXT: &str = "retry only lost connections, timeouts, 429 and 5xx; wait for `Retry-After`; give POSTs one idempotency key for all attempts, or do not retry them";

/// What a rule was held against.
#[derive(Default)]
struct Rule {
    /// How often it could have been broken.
    met: usize,
    broken: BTreeSet<String>,
}

/// The three rules.
#[derive(Default)]
struct Rules {
    refused: Rule,
    lost: Rule,
    early: Rule,
    /// Exchanges of calls that make several of a kind.
    untold: usize,
    /// Whether a retry depends on a key that nobody looked at.
    unnoted: bool,
}

impl Check for RetryDiscipline {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        attempts::each_edge(view, self.edge.as_ref(), (Self::NAME, CLAIM), |edge| {
            self.judge_edge(view, edge)
        })
    }

    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        let mut recipes = Vec::new();
        for edge in about_http(self.edge.as_ref(), edges) {
            let two = |faults| Recipe::alone(&edge.name, faults, Alone::calls(2, Kinds::All));
            recipes.extend(FINAL.map(|status| two(vec![json!({ "status": status })])));
            let headers = json!({ "Retry-After": WAIT_SECONDS.to_string() });
            recipes.push(two(vec![
                json!({ "status": { "code": 503, "headers": headers } }),
            ]));
            recipes.push(two(vec![json!({ "reset": true })]));
            recipes.push(two(answer_lost()));
        }
        recipes
    }

    fn notes(&self) -> Vec<String> {
        vec![self.header.to_lowercase()]
    }
}

impl RetryDiscipline {
    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = view.recording.edges[edge].to_string();
        let verdict = Verdict::about(Self::NAME, name.clone(), CLAIM);
        let tried = attempts::tried_on(view, edge);
        if tried.is_empty() {
            return verdict.inconclusive(
                "no call was made alone while the edge failed, so its attempts are not known exactly",
            );
        }
        let mut rules = Rules::default();
        for tried in &tried {
            for tries in &tried.tries {
                self.hold(view, edge, tried, tries, &mut rules);
            }
        }
        let all = [&rules.refused, &rules.lost, &rules.early];
        let met: usize = all.iter().map(|rule| rule.met).sum();
        let mut verdict =
            verdict.exercised(met, "exchanges that must not be tried again like that");
        let facts = [
            (&rules.refused, "answers 400, 401, 404, 409"),
            (&rules.lost, "POST and PATCH without an answer"),
            (&rules.early, "answers with `Retry-After`"),
        ];
        for (rule, what) in facts {
            verdict = verdict.evidence(match rule.met {
                0 => format!("{what}: not tried"),
                met => format!("{what}: {met}"),
            });
        }
        let broken: Vec<String> = all.iter().flat_map(|rule| rule.broken.clone()).collect();
        verdict = verdict
            .evidence("calls made one at a time")
            .measured(format!("{} kinds of wrong retries", broken.len()), "0");
        if !broken.is_empty() {
            return verdict.fail(broken.join("; "), NEXT);
        }
        if rules.unnoted {
            let header = &self.header;
            return verdict.inconclusive(format!("nobody noted whether retries carry `{header}`"));
        }
        if met == 0 {
            let why = match rules.untold {
                0 => format!("nothing of this was tried on {name}, or nothing reached it"),
                _ => "calls make several such exchanges each, so attempts cannot be told from them"
                    .to_owned(),
            };
            return verdict.inconclusive(why);
        }
        verdict.pass()
    }

    fn hold<'a>(
        &self,
        view: &View<'a>,
        edge: usize,
        tried: &Tried<'a>,
        tries: &Tries<'a>,
        rules: &mut Rules,
    ) {
        if tries.usual.most > 1 {
            rules.untold += tries.exchanges.len();
            return;
        }
        let asked = tries.operation;
        let wait = tried
            .trial
            .faults
            .iter()
            .find_map(|fault| (fault.edge == edge).then_some(fault.retry_after)?);
        let hit = |exchange: &&&Exchange| exchange.fault.is_some();
        for before in tries.exchanges.iter().filter(hit) {
            let next = tries
                .exchanges
                .iter()
                .find(|next| next.start > before.start);
            let answered = before.ended == Ended::Answered;
            if answered && before.status.is_some_and(|status| FINAL.contains(&status)) {
                rules.refused.met += 1;
                let status = before.status.unwrap_or_default();
                if next
                    .is_some_and(|next| status != 401 || !asked_between(view, tries, before, next))
                {
                    let broken = format!("`{asked}` is tried again after a {status}");
                    rules.refused.broken.insert(broken);
                }
            }
            if !answered && before.end.is_some() && tries.must_not_repeat() {
                rules.lost.met += 1;
                if let Some(next) = next {
                    self.same_key(view, asked, (before, next), rules);
                }
            }
            if let Some(wait) = wait.filter(|_| answered && before.status == Some(503)) {
                rules.early.met += 1;
                let end = before.end.unwrap_or(before.start);
                if let Some(gap) = next.map(|next| next.start.saturating_sub(end))
                    && gap < wait
                {
                    let broken = format!(
                        "`{asked}` is tried again within {}, and `Retry-After` said {}",
                        time(coarse(gap)),
                        time(wait)
                    );
                    rules.early.broken.insert(broken);
                }
            }
        }
    }

    fn same_key<'a>(
        &self,
        view: &View<'a>,
        asked: &str,
        (before, next): (&'a Exchange, &'a Exchange),
        rules: &mut Rules,
    ) {
        let header = self.header.to_lowercase();
        if !view.was_noted(&header) {
            rules.unnoted = true;
            return;
        }
        let key = view.noted(before, &header);
        let again = view.noted(next, &header);
        let broken = match (key, again) {
            (Some(key), Some(again)) if key == again => return,
            (None, _) => {
                format!("`{asked}` is sent again after its answer was lost, without a key")
            }
            _ => format!("`{asked}` is sent again after its answer was lost, with another key"),
        };
        rules.lost.broken.insert(broken);
    }
}

/// Gaps that differ by little are one finding: a tenth of a second above that, else `100ms`.
fn coarse(gap: Nanos) -> Nanos {
    (gap / 100_000_000 + 1) * 100_000_000
}

/// Whether a call asked for something else between two attempts, as for a fresh token.
fn asked_between<'a>(
    view: &View<'a>,
    tries: &Tries<'a>,
    before: &Exchange,
    next: &Exchange,
) -> bool {
    let edges = 0..view.recording.edges.len();
    edges.into_iter().any(|edge| {
        view.exchanges_of(tries.call, edge).any(|other| {
            other.start > before.start
                && other.start < next.start
                && !tries.exchanges.iter().any(|own| std::ptr::eq(*own, other))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{HandMade, MS, S, bad};

    fn check() -> RetryDiscipline {
        serde_json::from_str("{}").unwrap()
    }

    /// One attempt in the call made at 21 s, as it ends, with its key.
    type Attempt<'a> = (Nanos, Ended, Option<u16>, Option<&'a str>);

    fn attempts(operation: &str, attempts: &[Attempt<'_>]) -> HandMade {
        let mut made = HandMade::order().fault(0).call(0, 21 * S, bad(5 * S));
        made = made.with(|r| {
            r.calls.last_mut().unwrap().serial = true;
            r.seen[0].operations[0] = operation.to_owned();
            r.noted.push("idempotency-key".to_owned());
        });
        for (at, ended, status, key) in attempts {
            made = made
                .exchange(0, 21 * S + at, Some(21 * S + at + MS), *ended)
                .hit(0, 0)
                .with(|r| r.seen[0].exchanges.last_mut().unwrap().status = *status);
            if let Some(key) = key {
                made = made.noted(0, "idempotency-key", key);
            }
        }
        made
    }

    fn answer(status: u16, at: Nanos) -> Attempt<'static> {
        (at, Ended::Answered, Some(status), None)
    }

    fn lost(at: Nanos, key: Option<&str>) -> Attempt<'_> {
        (at, Ended::Fault, None, key)
    }

    #[test]
    fn what_stays_wrong_is_not_tried_again() {
        for status in FINAL {
            attempts("GET /", &[answer(status, MS)])
                .judged_by(&check())
                .passes();
            attempts("GET /", &[answer(status, MS), answer(status, 9 * MS)])
                .judged_by(&check())
                .fails("tried again after a 4");
        }
        attempts("GET /", &[answer(503, MS), answer(503, 9 * MS)])
            .judged_by(&check())
            .is_open("nothing of this was tried");
    }

    #[test]
    fn a_fresh_token_is_a_reason_to_try_again() {
        let token = |status| {
            attempts("GET /", &[answer(status, MS), answer(status, 9 * MS)])
                .exchange(0, 21 * S + 5 * MS, Some(21 * S + 6 * MS), Ended::Answered)
                .with(|r| {
                    r.seen[0].operations.push("POST /token".to_owned());
                    r.seen[0].exchanges.last_mut().unwrap().operation = 1;
                })
                .judged_by(&check())
        };
        token(401).passes();
        token(404).fails("after a 404");
    }

    #[test]
    fn a_post_whose_answer_was_lost_needs_the_same_key() {
        let judged = |operation, keys: [Option<&str>; 2]| {
            attempts(operation, &[lost(MS, keys[0]), lost(9 * MS, keys[1])]).judged_by(&check())
        };
        judged("POST /x", [Some("a"), Some("a")]).passes();
        judged("POST /x", [Some("a"), Some("b")]).fails("with another key");
        judged("PATCH /x", [None, None]).fails("without a key");
        judged("PUT /x", [None, None]).is_open("nothing of this");
        attempts("POST /x", &[lost(MS, None)])
            .judged_by(&check())
            .passes();
        attempts("POST /x", &[lost(MS, None), lost(9 * MS, None)])
            .with(|r| r.noted.clear())
            .judged_by(&check())
            .is_open("nobody noted");
    }

    #[test]
    fn retry_after_is_waited_for_up_to_its_last_moment() {
        let judged = |gap: Nanos| {
            attempts("GET /", &[answer(503, MS), answer(503, 2 * MS + gap)])
                .last_fault(|fault| fault.retry_after = Some(S))
                .judged_by(&check())
        };
        judged(S).passes();
        judged(S - 1).fails("`Retry-After` said 1s");
    }

    #[test]
    fn what_was_not_tried_alone_is_not_judged() {
        HandMade::order()
            .judged_by(&check())
            .is_open("no faulted edge");
        HandMade::order()
            .fault(0)
            .judged_by(&check())
            .is_open("made alone");
    }
}
