//! CONNECT: a tunnel is a connection to the edge.

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::stage::{ANYWHERE, Stage, goes, inject, read, read_to_end, seen, text};

const GET: &str = "GET /stock/A1 HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn http_in_a_tunnel_is_read_as_on_any_connection_to_the_edge() {
    let stage = Stage::new().await;
    let mut client = stage.tunnel("inventory.prod.internal:80").await;
    goes(&mut client, GET, "stock", GET).await;
    let fault = inject(&stage.stock, "status", json!(418)).await;
    client.write_all(GET.as_bytes()).await.unwrap();
    let start = "HTTP/1.1 418 ";
    assert_eq!(text(&read(&mut client, start.len()).await), start);
    let seen = seen(&stage.stock, |seen| seen.exchanges.len() == 2).await;
    assert_eq!(seen.operations, ["GET /stock/A1"]);
    assert_eq!(seen.exchanges[1].fault, Some(fault));
    assert_eq!(seen.connections.len(), 1);
}

#[tokio::test]
async fn what_comes_right_behind_the_question_is_not_lost() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let both = format!("CONNECT pay.prod:8080 HTTP/1.1\r\n\r\n{GET}");
    client.write_all(both.as_bytes()).await.unwrap();
    let established = "HTTP/1.1 200 Connection established\r\n\r\n";
    assert_eq!(
        text(&read(&mut client, established.len()).await),
        established
    );
    goes(&mut client, "", "pay", GET).await;
}

#[tokio::test]
async fn bytes_pass_as_they_are_and_end_as_they_end() {
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::with(protocol, |_| ()).await;
        stage.pay.lead_to(listener.local_addr().unwrap());
        let mut client = stage.tunnel("pay.prod:8080").await;
        client.write_all(b"\x16\x03\x01 like TLS").await.unwrap();
        client.shutdown().await.unwrap();
        let (mut callee, _) = listener.accept().await.unwrap();
        assert_eq!(
            read_to_end(&mut callee).await.unwrap(),
            b"\x16\x03\x01 like TLS"
        );
        callee.write_all(b"answer").await.unwrap();
        drop(callee);
        assert_eq!(read_to_end(&mut client).await.unwrap(), b"answer");
    }
}

#[tokio::test]
async fn the_callee_may_speak_first_in_a_tunnel() {
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::with(Protocol::Tcp, |_| ()).await;
    stage.pay.lead_to(listener.local_addr().unwrap());
    let mut client = stage.tunnel("pay.prod:8080").await;
    let (mut callee, _) = listener.accept().await.unwrap();
    callee.write_all(b"220 ready\r\n").await.unwrap();
    assert_eq!(text(&read(&mut client, 11).await), "220 ready\r\n");
}

#[tokio::test]
async fn a_tunnel_can_follow_requests_on_the_same_connection() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let asked =
        "GET http://inventory.prod.internal/ HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
    let got = "GET / HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
    goes(&mut client, asked, "stock", got).await;
    client
        .write_all(b"CONNECT pay.prod:8080 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let established = "HTTP/1.1 200 Connection established\r\n\r\n";
    assert_eq!(
        text(&read(&mut client, established.len()).await),
        established
    );
    goes(&mut client, GET, "pay", GET).await;
}

#[tokio::test]
async fn connections_of_tunnels_are_cut_with_their_edge() {
    let stage = Stage::new().await;
    let mut clients: Vec<TcpStream> = Vec::new();
    for to in ["inventory.prod.internal:443", "pay.prod:8080"] {
        let mut client = stage.tunnel(to).await;
        client.write_all(GET.as_bytes()).await.unwrap();
        read(&mut client, 1).await;
        clients.push(client);
    }
    stage.stock.cut();
    assert!(read_to_end(&mut clients[0]).await.is_err());
    goes_on(&mut clients[1]).await;
}

async fn goes_on(client: &mut TcpStream) {
    client.shutdown().await.unwrap();
    assert!(text(&read_to_end(client).await.unwrap()).ends_with(GET));
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use shaketable_faults::tls::Authority;
    use tokio::io::AsyncReadExt;
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::*;

    const HOST: &str = "inventory.prod.internal";

    async fn secured(authority: &Authority, tcp: TcpStream) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let pem = authority.pem();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(HOST).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, tcp).await.unwrap()
    }

    #[tokio::test]
    async fn tls_in_a_tunnel_is_ended_where_the_edge_says_so_and_faults_work_inside() {
        let authority = Authority::new().unwrap();
        let stage = Stage::with(Protocol::Auto, |proxy| {
            let names = [HOST.to_owned()];
            proxy.meet_callers(authority.vouches_for(&names).unwrap());
        })
        .await;
        let tcp = stage.tunnel("inventory.prod.internal:443").await;
        let mut client = secured(&authority, tcp).await;
        let wanted = super::super::stage::echoed("stock", GET.as_bytes());
        client.write_all(GET.as_bytes()).await.unwrap();
        let mut answer = vec![0; wanted.len()];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(text(&answer), text(&wanted));
        inject(&stage.stock, "status", json!(418)).await;
        client.write_all(GET.as_bytes()).await.unwrap();
        let mut answer = [0; 13];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(text(&answer), "HTTP/1.1 418 ");
        let seen = seen(&stage.stock, |seen| seen.exchanges.len() == 2).await;
        assert_eq!(seen.operations, ["GET /stock/A1"]);
    }

    #[tokio::test]
    async fn requests_by_whole_addresses_stay_without_tls() {
        let authority = Authority::new().unwrap();
        let stage = Stage::with(Protocol::Auto, |proxy| {
            let names = [HOST.to_owned()];
            proxy.meet_callers(authority.vouches_for(&names).unwrap());
        })
        .await;
        let mut client = stage.connect().await;
        let asked =
            "GET http://inventory.prod.internal/ HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
        let got = "GET / HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
        goes(&mut client, asked, "stock", got).await;
    }
}
