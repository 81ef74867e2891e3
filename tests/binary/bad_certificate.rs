//! A target that shows a certificate which nobody should trust: signed by itself, or long expired.
//!
//! Made once, with one key (`openssl ecparam -name prime256v1 -genkey`) and
//! `openssl ca -selfsign -startdate 20000101000000Z -enddate 21260101000000Z` (`20010101000000Z` the
//! expired one). Nothing trusts them, and they guard nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where it listens from now on, for as long as the test runs.
pub async fn listen_with(certificate: &str) -> SocketAddr {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binary/tls");
    let chain = vec![CertificateDer::from_pem_file(place.join(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(place.join("key.pem")).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The caller hangs up in the middle of the handshake, as it should.
            let greeted = acceptor.accept(stream).await;
            assert!(greeted.is_err(), "somebody trusts {address}");
        }
    });
    address
}
