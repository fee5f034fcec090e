//! A target that dies in mid-run is a failed check, not a broken environment.

use std::time::Duration;

use crate::stage::Stage;
use crate::suites::tiny_with;

/// Answers for a while, then gives up.
const MORTAL: &str = r#"
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    seen = 0
    def do_GET(self):
        Handler.seen += 1
        if Handler.seen > 30:
            print("out of ideas", flush=True)
            os._exit(9)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

#[test]
fn a_target_that_dies_in_mid_run_fails_the_run_and_ends_it_early() {
    let stage = Stage::new();
    stage.write("mortal.py", MORTAL);
    let suite = tiny_with("{ run: python3 mortal.py }").replace("baseline: 100ms", "baseline: 50s");
    let done = stage.run(&suite);
    done.exits(1)
        .says("shop died: exit code 9")
        .says("shop died in mid-run (exit code 9)")
        .says("shop: out of ideas")
        .took_at_most(Duration::from_secs(10));
    let report = done.report();
    assert_eq!(report["outcome"], "failed");
    let verdict = &report["experiments"][0]["verdicts"][0];
    assert_eq!(
        (&verdict["check"], &verdict["state"]),
        (&"process_survival".into(), &"fail".into())
    );
}
