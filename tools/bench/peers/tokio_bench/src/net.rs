//! Sockets.
use crate::{time, Outcome};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn accept_echoes(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let mut buffer = vec![0u8; 16384];
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => {
                        if stream.write_all(&buffer[..n]).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
    }
}

/// Reads into more room than a reply needs, as bare epoll's client does: a short read tells that the socket is empty.
async fn echo_client(address: SocketAddr, size: usize, exchanges: usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = vec![7u8; size];
    let mut reply = vec![0u8; 16384];
    for _ in 0..exchanges {
        stream.write_all(&request).await.unwrap();
        let mut received = 0;
        while received < size {
            let count = stream.read(&mut reply[received..]).await.unwrap();
            assert!(count != 0);
            received += count;
        }
        assert!(reply[..received] == request);
    }
}

/// Closed-loop exchanges over loopback, client and server in one runtime.
pub async fn echo(size: usize) -> Outcome {
    let (connections, exchanges) = (64, 6_000);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(accept_echoes(listener));
    let start = Instant::now();
    let clients: Vec<_> =
        (0..connections).map(|_| tokio::spawn(echo_client(address, size, exchanges))).collect();
    for client in clients {
        client.await.unwrap();
    }
    time(connections * exchanges, start.elapsed())
}

/// An echo server for an outside load; never ends.
pub async fn serve_echo(address: String) -> Outcome {
    accept_echoes(TcpListener::bind(address).await.unwrap()).await;
    unreachable!()
}

const HTTP_REPLY: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nHello, World!";

async fn reply_to_gets(mut stream: TcpStream) {
    let mut buffer = vec![0u8; 8192];
    let mut have = 0;
    let mut replies = Vec::new();
    loop {
        match stream.read(&mut buffer[have..]).await {
            Ok(0) | Err(_) => return,
            Ok(n) => have += n,
        }
        replies.clear();
        let mut from = 0;
        while let Some(end) = buffer[from..have].windows(4).position(|w| w == b"\r\n\r\n") {
            from += end + 4;
            replies.extend_from_slice(HTTP_REPLY);
        }
        buffer.copy_within(from..have, 0);
        have -= from;
        if have == buffer.len() {
            return;
        }
        if !replies.is_empty() && stream.write_all(&replies).await.is_err() {
            return;
        }
    }
}

/// A fixed keep-alive reply to each GET, as wrk wants; never ends.
pub async fn serve_http(address: String) -> Outcome {
    let listener = TcpListener::bind(address).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(reply_to_gets(stream));
    }
}
