//! What is said, where, and in which colour.

use crate::stage::{Done, Stage, undisturbed};
use crate::suites::TINY;

const ESCAPE: char = '\x1b';

fn run(stage: &Stage, more: &[&str], env: &[(&str, &str)]) -> Done {
    let mut command = stage.run_command(TINY, more);
    command.envs(env.iter().copied());
    let done = stage.finish(command);
    done.exits(0);
    assert_eq!(done.stdout, "", "stdout is for machines");
    done
}

#[test]
fn a_pipe_gets_no_colours_unless_they_are_forced() {
    let stage = Stage::new();
    assert!(!run(&stage, &[], &[]).stderr.contains(ESCAPE));
    let forced = run(&stage, &[], &[("CLICOLOR_FORCE", "1")]);
    assert!(forced.stderr.contains(ESCAPE), "{forced}");
    assert!(forced.stderr.contains("\x1b[32m"), "green: {forced}");
    let never = run(&stage, &[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    assert!(!never.stderr.contains(ESCAPE), "{never}");
}

#[test]
fn errors_of_a_suite_follow_the_same_rule() {
    let stage = Stage::new();
    let suite = TINY.replace("load:", "laod:");
    let plain = stage.run(&suite);
    plain.exits(2).says("laod");
    assert!(!plain.stderr.contains(ESCAPE), "{plain}");
    let mut command = stage.run_command(&suite, &[]);
    command.env("CLICOLOR_FORCE", "1");
    let forced = stage.finish(command);
    forced.exits(2).says("laod");
    assert!(forced.stderr.contains(ESCAPE), "{forced}");
}

#[test]
fn quiet_is_the_summary_alone() {
    let stage = Stage::new();
    let done = run(&stage, &["-q"], &[]);
    let lines: Vec<&str> = done.stderr.trim().lines().collect();
    assert!(lines[0].starts_with("PASS tiny: 1 experiment; "), "{done}");
    assert!(lines.len() <= 2, "{done}");
    done.keeps_quiet_about("verdict")
        .keeps_quiet_about("baseline");
}

#[test]
fn verbose_shows_the_evidence_of_passes() {
    let stage = Stage::new();
    let suite = TINY.replace("[process_survival]", "[{ slo: { p50: 5s } }]");
    let evidence = "over 5s, the slowest";
    stage
        .run_undisturbed(&suite)
        .exits(0)
        .keeps_quiet_about(evidence);
    undisturbed(|| stage.run_with(&suite, &["-v"]))
        .exits(0)
        .says("✓ slo: all calls")
        .says(evidence)
        .says("shop ready after");
    stage.run_with(&suite, &["-v", "-q"]).exits(2);
}

#[test]
fn without_a_terminal_each_phase_is_a_line() {
    let stage = Stage::new();
    let done = run(&stage, &[], &[]);
    for phase in ["warm-up", "baseline", "fault", "recovery"] {
        let line = format!("\n  {phase} (");
        assert_eq!(done.stderr.matches(&line).count(), 1, "{phase}: {done}");
    }
    assert!(!done.stderr.contains('\r'), "{done}");
    done.says("PASS nothing wrong: no faults\n");
}
