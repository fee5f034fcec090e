//! Goose as a part of the load, as it is written.

use shaketable::suite::Goose;

use super::load_text;

fn suite(load: &str, own: &str) -> String {
    format!(
        "
name: s
services: {{ shop: {{ run: ./shop }} }}
load: {load}
experiments:
  e: {{ {own}expect: [{{ slo: {{ max: 1s, request: GET somewhere }} }}] }}
"
    )
}

#[track_caller]
fn complains(load: &str, texts: &[&str]) {
    let errors = load_text(&suite(load, "")).unwrap_err().to_plain();
    for text in texts {
        assert!(errors.contains(text), "{errors}");
    }
}

#[test]
fn journeys_stand_alone_or_beside_a_rate() {
    let journeys = "goose: { run: ./journeys --scenarios a, to: shop, users: 5 }";
    let alone = load_text(&suite(&format!("{{ {journeys} }}"), "")).unwrap();
    let load = &alone.experiments["e"].load;
    assert!(load.streams.is_empty());
    let Some(Goose::Journeys {
        argv, to, users, ..
    }) = &load.goose
    else {
        panic!("{load:?}");
    };
    assert_eq!(argv.join(" "), "./journeys --scenarios a");
    assert_eq!((to.as_str(), *users), ("shop", Some(5)));
    let says = load.goose.as_ref().unwrap().to_string();
    assert_eq!(
        says,
        "goose, journeys of `./journeys` through shop by 5 users"
    );

    let rate = "rate: 5/s, request: { to: shop, get: / }";
    let beside = load_text(&suite(&format!("{{ {journeys}, {rate} }}"), "")).unwrap();
    let load = &beside.experiments["e"].load;
    assert_eq!((load.streams.len(), load.goose.is_some()), (1, true));

    // How calls arrive is said anew by an experiment, goose included.
    let own = format!(
        "load: {{ {} }}, ",
        rate.replace("get: /", "get: /, name: GET somewhere")
    );
    let other = load_text(&suite(&format!("{{ {journeys} }}"), &own)).unwrap();
    let load = &other.experiments["e"].load;
    assert_eq!((load.streams.len(), load.goose.is_some()), (1, false));
}

#[test]
fn names_of_requests_are_looked_up_where_all_of_them_are_known() {
    let journeys = "{ goose: { run: ./journeys, to: shop } }";
    assert!(load_text(&suite(journeys, "")).is_ok(), "goose's own");
    // What an experiment says itself of how calls arrive is all that arrives.
    let own = "load: { rate: 5/s, request: { to: shop, get: / } }, ";
    let errors = load_text(&suite(journeys, own)).unwrap_err().to_plain();
    assert!(
        errors.contains("there is no request `GET somewhere`"),
        "{errors}"
    );
    assert!(errors.contains("known requests: `GET /`"), "{errors}");
    let two = format!(
        "{}  other: {{ load: {journeys} }}\n",
        suite("{ rate: 5/s, request: { to: shop, get: / } }", "")
    );
    let errors = load_text(&two).unwrap_err().to_plain();
    assert!(
        errors.contains("there is no request `GET somewhere`"),
        "{errors}"
    );
}

#[test]
fn what_cannot_be_is_told() {
    complains(
        "{ goose: { run: ./journeys } }",
        &["nobody knows where these journeys lead", "`to: SERVICE`"],
    );
    complains("{ goose: { think: 1s } }", &["goose has nothing to do"]);
    complains(
        "{ goose: { run: ./journeys, to: nobody } }",
        &["there is no service `nobody`"],
    );
    complains(
        "{ goose: { run: ./j, to: shop, think: 1s } }",
        &["`run` and `think`"],
    );
    complains(
        "{ goose: { run: '', to: shop } }",
        &["the command line is empty"],
    );
    complains(
        "{ goose: { users: 3, to: shop }, request: { to: shop, get: / } }",
        &["`to` goes with `run`"],
    );
    complains(
        "{ goose: { users: 3 }, rate: 1/s, request: { to: shop, get: / } }",
        &["goose's users and `rate` exclude each other"],
    );
}

#[cfg(not(feature = "goose"))]
#[test]
fn a_build_without_goose_says_how_to_make_one_with_it() {
    complains(
        "{ goose: { users: 3 }, request: { to: shop, get: / } }",
        &["this build has no goose in it", "--features goose"],
    );
}

#[cfg(feature = "goose")]
#[test]
fn users_ask_what_the_load_asks() {
    let load = "{ timeout: 3s, goose: { users: 3, think: 20ms }, request: { to: shop, get: /, name: GET somewhere } }";
    let suite = load_text(&suite(load, "")).unwrap();
    let load = &suite.experiments["e"].load;
    let Some(Goose::Users {
        users,
        think,
        timeout,
        requests,
    }) = &load.goose
    else {
        panic!("{load:?}");
    };
    assert_eq!((*users, *think), (3, std::time::Duration::from_millis(20)));
    assert_eq!(timeout.as_secs(), 3);
    assert_eq!((requests.len(), load.kinds().len()), (1, 1));
    let says = load.goose.as_ref().unwrap().to_string();
    assert_eq!(says, "goose, 3 users who think 20ms");
}

#[test]
fn users_without_requests_have_nothing_to_do() {
    let load = "{ goose: { users: 3 } }";
    let errors = load_text(&suite(load, "")).unwrap_err().to_plain();
    let expected = if cfg!(feature = "goose") {
        "goose's users have no requests"
    } else {
        "this build has no goose in it"
    };
    assert!(errors.contains(expected), "{errors}");
}

#[cfg(feature = "goose")]
#[test]
fn users_make_plain_requests_only() {
    let load =
        "{ goose: { users: 3 }, request: { to: shop, get: '/{{uuid}}', name: GET somewhere } }";
    complains(
        load,
        &[
            "goose's users cannot make `GET somewhere`",
            "our own `users`",
        ],
    );
}
