//! Requests, journeys and commands of a load, and the model that comes of them.

use std::time::Duration;

use serde_json::{Value, json};
use shaketable::load::script::template::Scene;
use shaketable::load::script::{Expected, From, Pattern, StatusRange};
use shaketable::suite::{self, Act, Disk, Journey, Request};

fn journeys() -> Vec<Journey> {
    let file = "tests/right-suites/requests.yaml";
    match suite::load(file, &Disk, &|_| None) {
        Ok(suite) => suite.experiments["all"].load.streams[0].requests.clone(),
        Err(errors) => panic!("{}", errors.to_plain()),
    }
}

/// Path, headers and body of a request for one arrival.
fn made(journey: &Journey, step: usize, index: u64) -> (String, Vec<(String, String)>, String) {
    let Act::Http {
        path,
        headers,
        body,
        ..
    } = &journey.steps[step].act
    else {
        panic!("{:?}", journey.steps[step])
    };
    let mut scene = Scene::new(1, 2, index, journey.data.as_deref());
    scene.capture("order", json!(7));
    scene.capture("place", json!("http://127.0.0.1:1/orders/7"));
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.fill(&scene).unwrap()));
    (
        path.fill(&scene).unwrap(),
        headers.collect(),
        body.fill(&scene).unwrap(),
    )
}

#[test]
fn a_journey_is_read_with_all_its_steps() {
    let journeys = journeys();
    let buy = &journeys[0];
    assert_eq!(
        (buy.name.as_str(), buy.weight, buy.steps.len()),
        ("buy and look", 3, 3)
    );
    let names: Vec<&str> = buy.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        ["POST /orders?async=true", "look", "DELETE /orders/{order}"]
    );
    let [post, look, delete] = buy.steps.as_slice() else {
        panic!()
    };
    assert_eq!(
        (post.repeat, post.timeout),
        (1, Some(Duration::from_secs(1)))
    );
    assert_eq!((look.pause, look.go_on), (Duration::from_millis(100), true));
    assert_eq!(delete.abort, Some(Duration::from_millis(200)));
    let poll = post.poll.as_ref().unwrap();
    assert_eq!(
        (poll.every, poll.within),
        (Duration::from_millis(50), Duration::from_secs(4))
    );
    let from: Vec<&From> = post.captures.iter().map(|capture| &capture.from).collect();
    assert_eq!(
        from,
        [
            &From::Json("/id".to_owned()),
            &From::Header("location".parse().unwrap())
        ]
    );
    let new = |request: &Request| {
        matches!(
            request.act,
            Act::Http {
                new_connection: true,
                ..
            }
        )
    };
    assert_eq!([new(post), new(look), new(delete)], [true, false, true]);
}

#[test]
fn what_is_sent_differs_from_arrival_to_arrival() {
    let journeys = journeys();
    let (path, headers, body) = made(&journeys[0], 0, 1);
    assert_eq!(path, "/orders?async=true");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["sku"], &body["quantity"]), (&json!("B2"), &json!(3)));
    assert_eq!(headers[0], ("X-Run".to_owned(), "run 2".to_owned()));
    assert_eq!(headers[1].1, "application/json");
    let key = |index| made(&journeys[0], 0, index).1[2].clone();
    assert_eq!(key(1).0, "Idempotency-Key");
    assert_eq!(key(1).1.len(), 36);
    assert_ne!(key(1), key(2));
    assert_eq!(key(1), key(1));
    assert_eq!(made(&journeys[0], 2, 0).0, "/orders/7");
    assert_eq!(made(&journeys[0], 2, 0).1[0].0, "X-Key");
    let (path, _, body) = made(&journeys[2], 0, 0);
    assert_eq!(
        (path.len(), body.as_str()),
        ("/things/".len() + 16, "{{ A1")
    );
}

#[test]
fn what_makes_an_answer_valid_is_read() {
    let journeys = journeys();
    let [post, look, _] = journeys[0].steps.as_slice() else {
        panic!()
    };
    let valid = post.oracle.valid.as_ref().unwrap();
    assert_eq!(valid.status, [StatusRange(200, 299), StatusRange(404, 404)]);
    assert_eq!(
        valid.json[0],
        (
            "/status".to_owned(),
            vec![Expected::Fixed(json!("accepted"))]
        )
    );
    assert!(matches!(valid.json[1].1[..], [Expected::Filled(_)]));
    assert_eq!(valid.header[0].1, [] as [String; 0], "a star is any value");
    assert_eq!(post.oracle.degraded.as_ref().unwrap().header.len(), 1);
    let look = look.oracle.valid.as_ref().unwrap();
    assert_eq!(look.contains.as_deref(), Some("id"));
    assert_eq!(look.regex.as_ref().map(Pattern::as_str), Some(r"id=\d+"));
}

#[test]
fn a_command_is_a_call_to_the_service_whose_address_it_is_told() {
    let journeys = journeys();
    let [client] = journeys[1].steps.as_slice() else {
        panic!()
    };
    assert_eq!(
        (client.name.as_str(), client.to.as_str()),
        ("exec ./client", "order")
    );
    let Act::Exec { argv, cwd } = &client.act else {
        panic!("{client:?}")
    };
    assert_eq!(
        argv[2].plain(),
        Some("$ORDER_URL"),
        "known when the load begins"
    );
    assert_eq!(argv[5].plain(), None);
    assert_eq!(*cwd, std::path::absolute("tests/right-suites").unwrap());
}
