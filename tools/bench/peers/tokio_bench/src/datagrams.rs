//! Datagrams.
use crate::{time, Outcome};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

const DATAGRAM: usize = 64;

async fn echo_datagrams(socket: UdpSocket) {
    let mut buffer = vec![0u8; 2048];
    loop {
        let (n, from) = socket.recv_from(&mut buffer).await.unwrap();
        let sent = socket.send_to(&buffer[..n], from).await.unwrap();
        assert_eq!(sent, DATAGRAM);
    }
}

async fn client(server: SocketAddr, exchanges: usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    let request = vec![7u8; DATAGRAM];
    let mut reply = vec![0u8; 2048];
    for _ in 0..exchanges {
        socket.send(&request).await.unwrap();
        let n = socket.recv(&mut reply).await.unwrap();
        assert!(reply[..n] == request);
    }
}

/// Closed-loop exchanges over loopback of 64 clients and one server, each of which has a socket
/// and a task.
pub async fn udp_echo() -> Outcome {
    let (clients, exchanges) = (64, 3_000);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    tokio::spawn(echo_datagrams(socket));
    let start = Instant::now();
    let all = async {
        let handles: Vec<_> =
            (0..clients).map(|_| tokio::spawn(client(server, exchanges))).collect();
        for handle in handles {
            handle.await.unwrap();
        }
    };
    // A datagram that is lost has no reply.
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    time(clients * exchanges, start.elapsed())
}
