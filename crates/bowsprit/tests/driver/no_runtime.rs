//! What happens where there is no runtime: an error that says so, at once.

use bowsprit::{AcceptError, Client, ConnectError, Error, Server, server::Listener};
use futures_util::FutureExt;

use super::support::{URL, two_threads};

const MESSAGE: &str = "there is no tokio runtime here: run this inside one, as with \
    #[tokio::main], or use bowsprit::blocking";

#[test]
fn connecting_and_accepting_say_so() {
    let (ours, theirs) = tokio::io::duplex(64);
    let server = Server::builder().build();
    for connected in [
        bowsprit::connect(URL).now_or_never().unwrap(),
        Client::new().connect_over(URL, ours).now_or_never().unwrap(),
    ] {
        let error = connected.unwrap_err();
        assert!(matches!(error, ConnectError::NoRuntime), "{error:?}");
        assert_eq!(error.to_string(), MESSAGE);
    }
    for accepted in [
        server.accept(theirs).now_or_never().unwrap(),
        server.accept_request(tokio::io::empty()).now_or_never().unwrap().map(|(ws, _)| ws),
    ] {
        let error = accepted.unwrap_err();
        assert!(matches!(error, AcceptError::NoRuntime), "{error:?}");
        assert_eq!(error.to_string(), MESSAGE);
    }
}

#[test]
fn there_is_no_point_in_connecting_again() {
    let mut connections = Client::new().reconnect(URL).unwrap().connections();
    let ended = connections.next().now_or_never().unwrap();
    assert!(matches!(ended, Some(Err(Error::Connect(ConnectError::NoRuntime)))), "{ended:?}");
    assert!(connections.next().now_or_never().unwrap().is_none());
}

#[test]
fn listening_and_serving_say_so() {
    let bound = Server::builder().bind("127.0.0.1:0").now_or_never().unwrap();
    assert_eq!(bound.unwrap_err().to_string(), MESSAGE);
    let listener = Listener::bind("127.0.0.1:0").now_or_never().unwrap();
    assert_eq!(listener.unwrap_err().to_string(), MESSAGE);
    #[cfg(unix)]
    assert_eq!(Listener::bind_unix("/nowhere/at/all").unwrap_err().to_string(), MESSAGE);
    let runtime = two_threads();
    let bound = runtime.block_on(Server::builder().bind("127.0.0.1:0")).unwrap();
    let served = bound.serve(|_, _| async {}).now_or_never().unwrap();
    assert!(matches!(served, Err(Error::Accept(AcceptError::NoRuntime))), "{served:?}");
}
