//! Handshakes that fail: nobody is let through by mistake, and it can be found out why.

use shaketable_faults::Protocol;
use shaketable_faults::tls::{Authority, ToCallee};
use tokio::io::AsyncWriteExt;

use super::stage::{
    CALLEE, Callee, FROM_CALLER, GET, HELLO, HOST, Stage, TO_CALLEE, ask, client_config,
    read_to_end, shown,
};

/// A proxy before a callee with TLS that it does not believe; what became of a request, and why.
async fn refused(trust: ToCallee) -> (std::io::Result<Vec<u8>>, String) {
    let callee = Callee::new(true).await;
    let stage = Stage::with(callee.address, Protocol::Auto, false, Some(trust)).await;
    tokio::spawn(async move { while callee.secure().await.is_err() {} });
    let mut client = stage.tcp().await;
    client.write_all(GET).await.unwrap();
    (read_to_end(&mut client).await, stage.trouble().await)
}

#[tokio::test]
async fn a_callee_that_nobody_vouches_for_is_not_spoken_to() {
    let stranger = Authority::new().unwrap().pem();
    let trust = ToCallee::known(stranger.as_bytes(), CALLEE).unwrap();
    let (answer, why) = refused(trust).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(
        why,
        "the TLS handshake with the callee failed: invalid peer certificate: UnknownIssuer"
    );
}

#[tokio::test]
async fn anyone_is_believed_where_that_is_said() {
    let callee = Callee::new(true).await;
    let trust = ToCallee::anyone("who.ever").unwrap();
    let stage = Stage::with(callee.address, Protocol::Auto, false, Some(trust)).await;
    callee.answers(HELLO);
    let mut client = stage.connect(TO_CALLEE).await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn a_callee_of_another_name_is_not_spoken_to() {
    let authority = Authority::new().unwrap();
    // A proxy with TLS from its caller serves as a callee with a certificate of an authority.
    let plain = Callee::new(false).await;
    let other = Stage::new(plain.address, Protocol::Auto, FROM_CALLER).await;
    drop(authority);
    let trust = ToCallee::known(other.authority.pem().as_bytes(), "someone.else").unwrap();
    let stage = Stage::with(other.proxy.address(), Protocol::Auto, false, Some(trust)).await;
    let mut client = stage.tcp().await;
    client.write_all(GET).await.unwrap();
    assert!(read_to_end(&mut client).await.is_err());
    let why = stage.trouble().await;
    assert!(why.contains("not valid for name \"someone.else\""), "{why}");
    let seen = other.trouble().await;
    assert!(
        seen.starts_with("the caller ended the TLS handshake: "),
        "{seen}"
    );
}

#[tokio::test]
async fn a_callee_without_tls_is_told_from_one_with_it() {
    let callee = Callee::new(false).await;
    let stage = Stage::new(callee.address, Protocol::Auto, TO_CALLEE).await;
    tokio::spawn(async move {
        let mut stream = callee.tcp().await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    });
    let mut client = stage.tcp().await;
    client.write_all(GET).await.unwrap();
    assert!(read_to_end(&mut client).await.is_err());
    let why = stage.trouble().await;
    assert!(
        why.starts_with("the TLS handshake with the callee failed: received corrupt message"),
        "{why}"
    );
}

#[tokio::test]
async fn a_caller_that_does_not_believe_the_authority_says_so() {
    let callee = Callee::new(false).await;
    let stage = Stage::new(callee.address, Protocol::Auto, FROM_CALLER).await;
    let config = client_config(shown().0.as_bytes());
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from(HOST).unwrap();
    assert!(connector.connect(name, stage.tcp().await).await.is_err());
    assert_eq!(
        stage.trouble().await,
        "the caller ended the TLS handshake: UnknownCA"
    );
    let seen = stage.seen(|seen| seen.connections[0].close.is_some()).await;
    assert!(seen.exchanges.is_empty(), "nothing was asked");
}

#[tokio::test]
async fn a_caller_that_speaks_no_tls_is_told_so_in_tls() {
    let callee = Callee::new(false).await;
    let stage = Stage::new(callee.address, Protocol::Auto, FROM_CALLER).await;
    let mut client = stage.tcp().await;
    client.write_all(GET).await.unwrap();
    let answer = read_to_end(&mut client).await.unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    let why = stage.trouble().await;
    assert!(
        why.starts_with("the TLS handshake with the caller failed: received corrupt message"),
        "{why}"
    );
    for _ in 0..2 {
        let mut client = stage.tcp().await;
        client.write_all(GET).await.unwrap();
        let _ = read_to_end(&mut client).await;
    }
    let troubles = stage.proxy.troubles();
    assert_eq!((troubles.len(), troubles[0].times), (1, 3), "{troubles:?}");
}

#[tokio::test]
async fn what_is_no_certificate_or_name_is_told() {
    let wrong = |roots: &str, name: &str| {
        let made = ToCallee::known(roots.as_bytes(), name);
        made.map(|_| ()).unwrap_err().to_string()
    };
    assert!(wrong("", CALLEE).starts_with("holds no certificate"));
    let broken = shown().0.replace("MII", "????");
    assert!(
        wrong(&broken, CALLEE).contains("cannot be read"),
        "{}",
        wrong(&broken, CALLEE)
    );
    assert!(wrong(&shown().0, "no name").starts_with("`no name` is neither"));
}
