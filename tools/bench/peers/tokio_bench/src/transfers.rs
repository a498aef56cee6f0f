//! Bytes in bulk, over loopback. An operation is a MiB.
use crate::{time, Outcome};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{copy_bidirectional_with_sizes, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MEBIBYTE: usize = 1024 * 1024;
const PIECE: usize = 64 * 1024; // what one end writes, and the other reads, at a time
const WHOLE: usize = 16 * MEBIBYTE;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Sends so many pieces and its end, and waits for the other side's.
async fn source(to: SocketAddr, pieces: usize) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let piece = vec![7u8; PIECE];
    for _ in 0..pieces {
        stream.write_all(&piece).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0u8; 1]).await.unwrap(), 0);
}

/// One connection from the client to `to`.
async fn pass_on(listener: TcpListener, to: SocketAddr, bytes: u64) {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut server = TcpStream::connect(to).await.unwrap();
    let size = 16 * 1024;
    let copied = copy_bidirectional_with_sizes(&mut client, &mut server, size, size).await.unwrap();
    assert_eq!(copied, (bytes, 0));
}

/// Reads one connection to its end.
async fn sink(listener: TcpListener, bytes: u64) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut buffer = vec![0u8; PIECE];
    let mut received = 0;
    loop {
        let n = stream.read(&mut buffer).await.unwrap();
        if n == 0 {
            break;
        }
        assert!(buffer[0] == 7 && buffer[n - 1] == 7);
        received += n as u64;
    }
    assert_eq!(received, bytes);
}

/// 1 GiB from a client through a proxy to a server, each a task.
/// Through buffers of 16 KiB; kioto_bench's bytes go through the kernel alone (splice), which Tokio has no call for.
pub async fn proxy() -> Outcome {
    let mebibytes = 1024;
    let bytes = mebibytes * MEBIBYTE;
    let (server, server_at) = listen().await;
    let (proxy, proxy_at) = listen().await;
    let start = Instant::now();
    let tasks = [
        tokio::spawn(sink(server, bytes as u64)),
        tokio::spawn(pass_on(proxy, server_at, bytes as u64)),
        tokio::spawn(source(proxy_at, bytes / PIECE)),
    ];
    for task in tasks {
        task.await.unwrap();
    }
    time(mebibytes, start.elapsed())
}

/// Sends the whole to so many connections, one after the other.
async fn send_wholes(listener: TcpListener, times: usize) {
    let whole = vec![7u8; WHOLE];
    for _ in 0..times {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&whole).await.unwrap();
    }
}

async fn read_wholes(from: SocketAddr, times: usize) {
    for _ in 0..times {
        let mut stream = TcpStream::connect(from).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.len() == WHOLE && bytes[0] == 7 && bytes[WHOLE - 1] == 7);
    }
}

/// 64 connections of 16 MiB, each read to its end into memory of its own.
pub async fn read_to_end() -> Outcome {
    let times = 64;
    let (listener, server) = listen().await;
    let start = Instant::now();
    let sending = tokio::spawn(send_wholes(listener, times));
    let reading = tokio::spawn(read_wholes(server, times));
    sending.await.unwrap();
    reading.await.unwrap();
    time(times * (WHOLE / MEBIBYTE), start.elapsed())
}
