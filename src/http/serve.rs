//! The socket: a task a connection, a time limit for what comes before a body, and an end that lets
//! running requests finish.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt};

use super::limits::Peer;

/// How long accepting rests when the machine has no descriptor or memory left for a connection.
const REST: Duration = Duration::from_millis(200);

/// Serves until told to stop, and then until the last running request is answered.
///
/// A connection whose next request does not have its whole head within `header_time` is closed,
/// one that is idle as well as one that sends a byte now and then.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    header_time: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_time);
    let running = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                connected(&http, router.clone(), socket, peer, running.watcher());
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop(listener);
    running.shutdown().await;
}

fn connected(
    http: &http1::Builder,
    router: Router,
    socket: TcpStream,
    peer: SocketAddr,
    running: Watcher,
) {
    // An answer leaves at once; a socket that refuses the option works without it.
    drop(socket.set_nodelay(true));
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer::from(peer.ip()));
        request.map(Body::new)
    });
    let connection = http.serve_connection(TokioIo::new(socket), hyper_service(service));
    let connection = running.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke");
        }
    });
}

/// Names the types that the compiler does not find by itself.
fn hyper_service<S>(service: S) -> TowerToHyperService<S>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone,
{
    TowerToHyperService::new(service)
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionRefused | K::ConnectionAborted | K::ConnectionReset)
}
