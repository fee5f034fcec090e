//! A play: what caller and callee say in turns, in pieces, and how they end. What each hears must
//! be what the other said.

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{End, read, reset, until_end};
use crate::stage::{ANYWHERE, PATIENCE, Stage};

/// One turn.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// The caller says this.
    Caller(Vec<u8>),
    /// The callee says this.
    Callee(Vec<u8>),
    /// The caller says several things without waiting, each of which has its answer.
    Pipeline(Vec<[Vec<u8>; 2]>),
    /// The caller closes its direction; the callee hears of it.
    CallerCloses,
    /// The callee closes its direction; the caller hears of it.
    CalleeCloses,
    /// The caller resets the connection; the callee hears of that.
    CallerResets,
    /// The callee resets the connection; the caller hears of that.
    CalleeResets,
}

/// The caller says this.
pub(super) fn caller(words: impl AsRef<[u8]>) -> Turn {
    Turn::Caller(words.as_ref().to_vec())
}

/// The callee says this.
pub(super) fn callee(words: impl AsRef<[u8]>) -> Turn {
    Turn::Callee(words.as_ref().to_vec())
}

/// The caller says several things without waiting, each of which has its answer.
pub(super) fn pipeline(exchanges: &[[&[u8]; 2]]) -> Turn {
    Turn::Pipeline(
        exchanges
            .iter()
            .map(|pair| pair.map(<[u8]>::to_vec))
            .collect(),
    )
}

async fn say(from: &mut TcpStream, words: &[u8], cuts: &mut impl Iterator<Item = usize>) {
    let mut at = 0;
    while at < words.len() {
        let end = (at + cuts.next().unwrap_or(usize::MAX / 2)).min(words.len());
        from.write_all(&words[at..end]).await.unwrap();
        // So that the pieces are not put together again on the way.
        tokio::task::yield_now().await;
        at = end;
    }
}

/// Says in pieces what the other side is to hear.
async fn pass(
    from: &mut TcpStream,
    to: &mut TcpStream,
    words: &[u8],
    cuts: &mut impl Iterator<Item = usize>,
) {
    tokio::join!(say(from, words, cuts), hear(to, words));
}

async fn hear(to: &mut TcpStream, words: &[u8]) {
    let heard = read(to, words.len()).await;
    assert!(
        heard == words,
        "said {:?}, heard {:?}",
        String::from_utf8_lossy(words),
        String::from_utf8_lossy(&heard)
    );
}

/// Plays the turns over an edge, in pieces of these sizes.
pub(super) async fn play(protocol: Protocol, turns: &[Turn], cuts: &[usize]) {
    // With no rule at all, and with one that is for something else.
    for with_a_rule in [false, true] {
        play_with(protocol, turns, cuts, with_a_rule).await;
    }
}

/// Plays the turns, with no rule on the edge or with some for something else. These make a `tcp`
/// edge read HTTP along.
pub(super) async fn play_with(
    protocol: Protocol,
    turns: &[Turn],
    cuts: &[usize],
    with_a_rule: bool,
) {
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::before(listener.local_addr().unwrap(), protocol).await;
    if with_a_rule {
        let rule = stage.rule("latency", json!("1h"));
        rule.which(json!({ "peer": "127.0.0.9" })).inject().await;
        let rule = stage.rule("status", json!(503));
        rule.which(json!({ "path": "/never/asked" })).inject().await;
    }
    let played = tokio::time::timeout(PATIENCE, turn_by_turn(&stage, &listener, turns, cuts));
    played.await.unwrap_or_else(|_| {
        panic!("{protocol:?} hangs (rules: {with_a_rule}, cuts: {cuts:?}) in {turns:?}")
    });
}

async fn turn_by_turn(stage: &Stage, listener: &TcpListener, turns: &[Turn], cuts: &[usize]) {
    let mut cuts = cuts.iter().copied().cycle();
    let mut caller = Some(stage.connect().await);
    let mut callee: Option<TcpStream> = None;
    for turn in turns {
        let calls = caller.as_mut().unwrap();
        let mut said = Vec::new();
        match turn {
            Turn::Caller(words) => said.clone_from(words),
            Turn::Pipeline(pairs) => pairs.iter().for_each(|[words, _]| said.extend(words)),
            _ => {}
        }
        let accepting = async {
            match callee.take() {
                Some(stream) => stream,
                // An HTTP edge makes the connection when there is something to say.
                None => listener.accept().await.unwrap().0,
            }
        };
        let ((), stream) = tokio::join!(say(calls, &said, &mut cuts), accepting);
        let _ = stream.set_nodelay(true);
        let answers = callee.insert(stream);
        match turn {
            Turn::Caller(words) => hear(answers, words).await,
            Turn::Pipeline(pairs) => {
                for [words, answer] in pairs {
                    hear(answers, words).await;
                    pass(answers, calls, answer, &mut cuts).await;
                }
            }
            Turn::Callee(words) => pass(answers, calls, words, &mut cuts).await,
            Turn::CallerCloses => {
                calls.shutdown().await.unwrap();
                assert_eq!(until_end(answers).await, (Vec::new(), End::Fin));
            }
            Turn::CalleeCloses => {
                answers.shutdown().await.unwrap();
                assert_eq!(until_end(calls).await, (Vec::new(), End::Fin));
            }
            Turn::CallerResets => {
                reset(caller.take().unwrap());
                assert_eq!(until_end(answers).await, (Vec::new(), End::Rst));
                return;
            }
            Turn::CalleeResets => {
                reset(callee.take().unwrap());
                assert_eq!(until_end(calls).await, (Vec::new(), End::Rst));
                return;
            }
        }
    }
}
