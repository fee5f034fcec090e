//! With no fault, what is inside the TLS leaves as it came, on either side and on both.

use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use shaketable_faults::tls::{StartTls, ToCallee};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::{
    Any, BOTH, CALLEE, Callee, FROM_CALLER, GET, HELLO, HOST, Sides, Stage, TO_CALLEE, ask, read,
    read_to_end, server_config, shown,
};

const EVERYWHERE: [Sides; 3] = [FROM_CALLER, TO_CALLEE, BOTH];

/// Both ends of a connection through a proxy.
async fn through(protocol: Protocol, sides: Sides) -> (Stage, Any, Any) {
    let callee = Callee::new(sides.to_callee).await;
    let stage = Stage::new(callee.address, protocol, sides).await;
    let (mut caller, callee) = tokio::join!(stage.connect(sides), async {
        // An `auto` proxy connects when it knows what is spoken.
        callee.accept().await
    });
    caller.flush().await.unwrap();
    (stage, caller, callee)
}

#[tokio::test]
async fn http_passes_on_either_side_and_is_seen_as_such() {
    for sides in EVERYWHERE {
        for protocol in [Protocol::Auto, Protocol::Http] {
            let callee = Callee::new(sides.to_callee).await;
            let stage = Stage::new(callee.address, protocol, sides).await;
            callee.answers(HELLO);
            let mut client = stage.connect(sides).await;
            for _ in 0..3 {
                assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
            }
            let seen = stage.seen(|seen| seen.exchanges.len() == 3).await;
            assert_eq!(seen.operations, ["GET /stock/A1"], "{sides:?} {protocol:?}");
            assert_eq!(seen.connections.len(), 1);
            assert_eq!(stage.proxy.troubles(), []);
        }
    }
}

#[tokio::test]
async fn bulk_passes_both_ways_at_once_also_to_a_slow_reader() {
    const BYTES: usize = 6 * 1024 * 1024;
    let bytes = |seed: usize| -> Vec<u8> {
        let byte = |n: usize| (n.wrapping_mul(2_654_435_761) >> 11).to_le_bytes()[0];
        (seed..seed + BYTES).map(byte).collect()
    };
    for sides in EVERYWHERE {
        let (_stage, caller, callee) = through(Protocol::Tcp, sides).await;
        let pour = |end: Any, seed: usize, wanted: usize, slow: bool| async move {
            let (mut from, mut to) = tokio::io::split(end);
            let sent = tokio::spawn(async move {
                for piece in bytes(seed).chunks(70_001) {
                    to.write_all(piece).await.unwrap();
                }
                to.shutdown().await.unwrap();
                to
            });
            if slow {
                // Everything on the way is full before anything is read.
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
            let came = read_to_end(&mut from).await.unwrap();
            assert_eq!(came.len(), BYTES, "{sides:?}");
            assert!(came == bytes(wanted), "{sides:?}: other bytes came");
            drop((sent.await.unwrap(), from));
        };
        tokio::join!(pour(caller, 1, 2, false), pour(callee, 2, 1, true));
    }
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    for sides in EVERYWHERE {
        let (stage, mut caller, mut callee) = through(Protocol::Tcp, sides).await;
        caller.write_all(b"question").await.unwrap();
        caller.shutdown().await.unwrap();
        assert_eq!(read_to_end(&mut callee).await.unwrap(), b"question");
        for piece in [&b"long "[..], b"answer"] {
            callee.write_all(piece).await.unwrap();
            callee.flush().await.unwrap();
            assert_eq!(read(&mut caller, piece.len()).await, piece);
        }
        callee.shutdown().await.unwrap();
        assert_eq!(read_to_end(&mut caller).await.unwrap(), b"");
        let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
        assert_eq!(seen.exchanges[0].ended, Ended::Caller, "it closed first");
    }
}

#[tokio::test]
async fn the_end_of_the_tcp_beneath_is_an_end() {
    for sides in EVERYWHERE {
        let (_stage, mut caller, mut callee) = through(Protocol::Tcp, sides).await;
        callee.write_all(b"all").await.unwrap();
        callee.flush().await.unwrap();
        assert_eq!(read(&mut caller, 3).await, b"all");
        // Without a word of TLS.
        drop(callee);
        assert_eq!(read_to_end(&mut caller).await.unwrap(), b"", "{sides:?}");
    }
}

#[tokio::test]
async fn who_speaks_first_may_be_the_callee() {
    for sides in EVERYWHERE {
        let (_stage, mut caller, mut callee) = through(Protocol::Auto, sides).await;
        callee.write_all(b"220 ready\r\n").await.unwrap();
        callee.flush().await.unwrap();
        assert_eq!(read(&mut caller, 11).await, b"220 ready\r\n");
        assert_eq!(
            {
                caller.write_all(b"EHLO\r\n").await.unwrap();
                caller.flush().await.unwrap();
                read(&mut callee, 6).await
            },
            b"EHLO\r\n"
        );
    }
}

#[tokio::test]
async fn of_the_protocols_that_a_caller_offers_http_1_is_taken() {
    let callee = Callee::new(false).await;
    let stage = Stage::new(callee.address, Protocol::Auto, FROM_CALLER).await;
    callee.answers(HELLO);
    let client = stage.secure(HOST, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let client = stage.secure(HOST, &[]).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), None);
}

#[tokio::test]
async fn another_protocol_is_agreed_upon_with_the_callee_too() {
    let mut config = server_config(&shown().0, &shown().1);
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let callee = Callee::with(Some(config)).await;
    let stage = Stage::new(callee.address, Protocol::Tcp, BOTH).await;
    let (client, server) = tokio::join!(stage.secure(HOST, &["postgresql"]), callee.secure());
    let (client, server) = (client.unwrap(), server.unwrap());
    for agreed in [
        client.get_ref().1.alpn_protocol(),
        server.get_ref().1.alpn_protocol(),
    ] {
        assert_eq!(agreed, Some(&b"postgresql"[..]));
    }
}

#[tokio::test]
async fn the_callee_is_asked_for_by_its_name() {
    let (callee, trust) = (
        Callee::new(true).await,
        ToCallee::anyone("any.name").unwrap(),
    );
    let stage = Stage::with(callee.address, Protocol::Tcp, false, Some(trust)).await;
    let (_client, server) = tokio::join!(stage.tcp(), callee.secure());
    assert_eq!(server.unwrap().get_ref().1.server_name(), Some("any.name"));
}

#[tokio::test]
async fn an_authority_can_vouch_for_the_callee() {
    let made = |ca: bool| {
        let mut params = rcgen::CertificateParams::new([CALLEE.to_owned()]).unwrap();
        if ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        (params, rcgen::KeyPair::generate().unwrap())
    };
    let (ca, ca_key) = made(true);
    let ca = rcgen::CertifiedIssuer::self_signed(ca, ca_key).unwrap();
    let (leaf, key) = made(false);
    let leaf = leaf.signed_by(&key, &ca).unwrap();
    let config = server_config(&leaf.pem(), &key.serialize_der());
    let callee = Callee::with(Some(config)).await;
    // Beside others, and beside what people write around it.
    let roots = format!("# ours\n{}\n{}", shown().0, ca.pem());
    let trust = ToCallee::known(roots.as_bytes(), CALLEE).unwrap();
    let stage = Stage::with(callee.address, Protocol::Auto, false, Some(trust)).await;
    callee.answers(HELLO);
    let mut client = stage.connect(TO_CALLEE).await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn a_caller_may_look_for_an_address() {
    let callee = Callee::new(false).await;
    let stage = Stage::new(callee.address, Protocol::Auto, FROM_CALLER).await;
    callee.answers(HELLO);
    let mut client: Any = Box::new(stage.secure("127.0.0.1", &[]).await.unwrap());
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn a_postgres_is_asked_before_tls_is_spoken_to_it() {
    for (answer, well) in [(b"S", true), (b"N", false)] {
        let callee = Callee::new(true).await;
        let trust = ToCallee::known(shown().0.as_bytes(), CALLEE).unwrap();
        let trust = trust.after(StartTls::Postgres);
        let stage = Stage::with(callee.address, Protocol::Tcp, false, Some(trust)).await;
        let mut client = stage.tcp().await;
        client.write_all(b"startup").await.unwrap();
        let mut tcp = callee.tcp().await;
        assert_eq!(read(&mut tcp, 8).await, [0, 0, 0, 8, 4, 210, 22, 47]);
        tcp.write_all(answer).await.unwrap();
        if well {
            let mut server = callee.secured(tcp).await.unwrap();
            assert_eq!(read(&mut server, 7).await, b"startup");
        } else {
            assert!(read_to_end(&mut client).await.is_err());
            assert_eq!(
                stage.trouble().await,
                "the callee, a Postgres, speaks no TLS"
            );
        }
    }
}

#[tokio::test]
async fn a_caller_of_postgres_asks_before_it_speaks_tls() {
    let callee = Callee::new(false).await;
    let stage = Stage::new(callee.address, Protocol::Tcp, FROM_CALLER).await;
    let mut tcp = stage.tcp().await;
    for (asks, answer) in [(48, b"N"), (47, b"S")] {
        // It may come in pieces.
        tcp.write_all(&[0, 0, 0]).await.unwrap();
        tcp.flush().await.unwrap();
        tokio::task::yield_now().await;
        tcp.write_all(&[8, 4, 210, 22, asks]).await.unwrap();
        assert_eq!(read(&mut tcp, 1).await, answer);
    }
    let config = super::stage::client_config(stage.authority.pem().as_bytes());
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from(HOST).unwrap();
    let mut client = connector.connect(name, tcp).await.unwrap();
    client.write_all(b"startup").await.unwrap();
    client.flush().await.unwrap();
    let mut server = callee.tcp().await;
    let mut came = [0; 7];
    server.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"startup");
}
