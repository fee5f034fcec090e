//! The same closed load as `load_closed` makes over HTTP/2, with nothing but hyper: what the engine
//! is held against. Its requests say the same, the ids of the calls included.
//! `cargo run --release --example raw_h2 -- 127.0.0.1:8080 USERS SECONDS`.

#![expect(clippy::print_stdout, reason = "an example that is looked at")]

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use shaketable::load::client::Trace;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, users, seconds] = &args[..] else {
        return Err("say 127.0.0.1:8080 USERS SECONDS".into());
    };
    let (users, seconds): (usize, u64) = (users.parse()?, seconds.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let calls: Result<u64, Box<dyn Error>> = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let made = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made?;
        tokio::spawn(connection);
        let mut all = tokio::task::JoinSet::new();
        for base in (1..).take(users) {
            let (mut sender, uri) = (sender.clone(), format!("http://{address}/"));
            all.spawn(async move {
                let mut calls = 0;
                while Instant::now() < until {
                    let trace = Trace { base, call: calls };
                    let request = hyper::Request::get(&*uri)
                        .header("traceparent", trace.parent())
                        .header("x-request-id", trace.id())
                        .body(Full::<Bytes>::default());
                    let Ok(request) = request else { break };
                    let Ok(response) = sender.send_request(request).await else {
                        break;
                    };
                    if response.into_body().collect().await.is_err() {
                        break;
                    }
                    calls += 1;
                }
                calls
            });
        }
        Ok(all.join_all().await.into_iter().sum())
    });
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let cpu = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    let calls = calls?;
    println!(
        "{calls} calls, {:.3} CPU-s per 100k",
        cpu as f64 / 1e6 * 1e5 / calls as f64
    );
    Ok(())
}
