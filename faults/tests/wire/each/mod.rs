//! Each fault's effect as a raw client sees it, by family; and that none is without a test.

mod bytes;
mod connections;
mod ends;
mod http;
mod latency;
mod pace;
mod redirect;
mod silence;
mod sudden;

use shaketable_faults::fault::CATALOGUE;

/// Tests and their names, which begin with the fault's.
macro_rules! tests {
    ($($test:path,)*) => {
        [$((stringify!($test), $test as fn()),)*]
    };
}

#[test]
fn every_fault_of_the_catalogue_is_observed_on_the_wire() {
    let tests = tests! {
        latency::latency_holds_the_answer_back_and_the_callee_works_at_once,
        pace::bandwidth_is_what_each_connection_has_for_itself,
        pace::slicer_cuts_into_small_pieces_with_gaps,
        pace::drip_lets_a_drop_through_now_and_then,
        pace::stall_gives_the_headers_and_then_nothing,
        silence::hang_takes_the_request_and_says_nothing_until_it_is_lifted,
        silence::mute_down_lets_the_callee_act_and_loses_its_answer,
        silence::half_open_lets_nothing_through_and_tells_no_end,
        ends::half_close_ends_one_direction_and_leaves_the_other,
        ends::slow_close_tells_the_end_late,
        silence::freeze_keeps_everything_and_loses_nothing,
        connections::refuse_means_that_nothing_listens_and_lifting_it_listens_again,
        connections::backlog_full_leaves_the_handshake_without_an_answer,
        connections::slow_accept_takes_a_new_connection_up_late,
        connections::max_connections_lets_the_others_wait,
        sudden::reset_is_a_real_rst_and_the_callee_sees_nothing,
        ends::cut_idle_ends_what_is_idle_and_nothing_else,
        ends::limit_data_closes_after_so_many_bytes,
        ends::truncate_cuts_the_body_under_its_length,
        bytes::corrupt_flips_one_bit_of_each_byte_that_it_hits,
        bytes::packet_loss_loses_pieces_for_good,
        silence::tls_stall_leaves_a_client_hello_without_an_answer,
        http::answers::status_answers_in_the_callees_place_and_keeps_the_connection,
        sudden::abort_ends_the_exchange_at_each_point,
        http::lost::response_lost_has_its_effect_and_no_answer,
        http::answers::content_type_changes_one_header_and_nothing_else,
        http::answers::large_headers_adds_so_many_bytes_of_headers,
        http::answers::malformed_breaks_what_it_says_and_closes,
        http::mutate::mutate_changes_one_field,
        sudden::close_connection_ends_it_behind_the_answer,
        http::requests::duplicate_gives_the_callee_the_request_again,
        http::requests::reorder_lets_a_later_request_overtake,
        redirect::redirect_lets_another_service_answer,
    };
    for (at, kind) in CATALOGUE.iter().enumerate() {
        let named = |(path, _): &(&str, fn())| {
            let name = path.rsplit("::").next().unwrap_or_default();
            name.starts_with(&format!("{}_", kind.name))
        };
        assert!(
            tests.get(at).is_some_and(named),
            "a test named after `{}` stands here, in the order of the catalogue",
            kind.name
        );
    }
    assert_eq!(tests.len(), CATALOGUE.len());
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    use serde_json::json;
    use shaketable_faults::fault::find;
    let refused = [
        (
            "latency",
            json!({ "delay": "1s", "jitter": "2s" }),
            "larger",
        ),
        ("bandwidth", json!("0B"), "nothing passes"),
        (
            "slicer",
            json!({ "size": "4B", "variation": "4B" }),
            "empty",
        ),
        ("drip", json!("0s"), "above zero"),
        ("hang", json!(false), "leave the fault out"),
        ("half_close", json!("both"), "not half"),
        ("reset", json!({ "at_connect": true, "in": "2s" }), "one of"),
        ("truncate", json!("10"), "not a size"),
        (
            "truncate",
            json!({ "after": "1B", "by": "reset", "fit": true }),
            "leave `by` out",
        ),
        ("corrupt", json!("101%"), "outside"),
        ("status", json!(99), "200 to 599"),
        (
            "status",
            json!({ "code": 503, "headers": { "a": "b\r\nc: d" } }),
            "one line",
        ),
        (
            "abort",
            json!({ "at": "headers", "bytes": "3B" }),
            "belongs to",
        ),
        (
            "abort",
            json!({ "at": "body", "after_effect": true }),
            "belongs to",
        ),
        ("content_type", json!("a\r\nb"), "not a header"),
        ("large_headers", json!("0B"), "outside"),
        ("mutate", json!({ "drop": "price" }), "JSON pointer"),
        ("duplicate", json!({ "times": 1 }), "2 to 10"),
        ("reorder", json!({ "behind": 0 }), "where it is"),
    ];
    for (kind, value, why) in refused {
        let built = (find(kind).unwrap().build)(&value).map(|_| ());
        let complaint = built.unwrap_err();
        assert!(complaint.contains(why), "{kind}: {complaint}");
    }
    assert!(find("earthquake").is_none());
}

#[test]
fn every_example_of_the_catalogue_can_be_built() {
    // The examples are YAML, of which all that they use here is JSON with bare words.
    for kind in CATALOGUE {
        assert!(kind.example.starts_with(kind.name), "{}", kind.example);
        assert!(!kind.summary.is_empty());
    }
}
