//! Commands as calls, on real processes.

use super::*;

fn shell(script: &str) -> Program {
    let words = ["/bin/sh", "-c", script];
    Program {
        argv: words.map(Template::fixed).to_vec(),
        cwd: "/".into(),
        commands: Arc::new(Commands::new(None)),
    }
}

async fn run(script: &str) -> Result<Answer, Failure> {
    let program = shell(script);
    let words = program.words(&Scene::new(1, 2, 0, None)).unwrap();
    let trace = Trace { base: 1, call: 2 };
    program.run(&words, trace, &Queued::default()).await
}

#[tokio::test]
async fn what_it_prints_is_its_answer_and_it_knows_its_call() {
    let answer = run("echo $TRACEPARENT; echo $SHAKETABLE_CALL_ID; pwd; cat")
        .await
        .unwrap();
    let trace = Trace { base: 1, call: 2 };
    let wanted = format!("{}\n{}\n/\n", trace.parent(), trace.id());
    assert_eq!(String::from_utf8_lossy(&answer.body), wanted);
}

#[tokio::test]
async fn its_exit_code_decides_and_its_last_words_are_told() {
    let failure = run("echo early >&2; echo 'no stock' >&2; exit 3")
        .await
        .unwrap_err();
    assert_eq!(
        failure,
        Failure::new(Outcome::Failed, "exit code 3: no stock")
    );
    let failure = run("kill -9 $$").await.unwrap_err();
    assert_eq!(failure, Failure::new(Outcome::Failed, "signal 9"));
    let mut program = shell("");
    program.argv = vec![Template::fixed("/no/such/program")];
    let words = program.words(&Scene::new(1, 2, 0, None)).unwrap();
    let trace = Trace { base: 1, call: 2 };
    let failure = program
        .run(&words, trace, &Queued::default())
        .await
        .unwrap_err();
    assert!(
        failure.why.starts_with("start `/no/such/program`: "),
        "{failure:?}"
    );
}

#[tokio::test]
async fn endless_output_is_cut_and_a_child_that_stays_holds_nobody_up() {
    // What stays ends by itself: nobody sweeps here.
    let answer = run("head -c 3000000 /dev/zero; sleep 2 & exit 0")
        .await
        .unwrap();
    assert!(answer.cut && answer.body.len() == BODY_MAX);
}

#[tokio::test]
async fn giving_it_up_kills_its_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pids");
    let script = format!("sleep 1000 & echo $$ $! > {}; wait", file.display());
    let mut running = Box::pin(run(&script));
    let written = until(|| {
        let text = std::fs::read_to_string(&file).ok()?;
        let pids = text.split_whitespace().filter_map(|pid| pid.parse().ok());
        let pids: Vec<i32> = pids.collect();
        (pids.len() == 2).then_some(pids)
    });
    let pids = tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        pids = written => pids,
    };
    drop(running);
    until(|| pids.iter().all(|pid| !runs(*pid)).then_some(())).await;
}

/// Whether a process runs: it is there, and is no zombie.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
