//! Resident bytes per idle thing.
use crate::Outcome;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

pub async fn idle_tasks() -> Outcome {
    let count = 1_000_000;
    let before = resident_bytes();
    let handles: Vec<_> =
        (0..count).map(|_| tokio::spawn(async { std::future::pending::<()>().await })).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let bytes = (resident_bytes() - before) / count;
    assert!(!handles.iter().any(|handle| handle.is_finished()));
    std::mem::forget(handles);
    Outcome::Bytes { count, bytes, unit: "bytes_per_task" }
}

pub async fn idle_sleeps() -> Outcome {
    let count = 1_000_000;
    let before = resident_bytes();
    let handles: Vec<_> = (0..count)
        .map(|_| tokio::spawn(async { tokio::time::sleep(Duration::from_secs(3600)).await }))
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let bytes = (resident_bytes() - before) / count;
    assert!(!handles.iter().any(|handle| handle.is_finished()));
    std::mem::forget(handles);
    Outcome::Bytes { count, bytes, unit: "bytes_per_task" }
}

/// Accepted connections, each with a task that waits to read into a 1 KiB buffer of the heap.
pub async fn idle_conns() -> Outcome {
    let count = 8_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients = Vec::with_capacity(count);
    let before = resident_bytes();
    for _ in 0..count {
        clients.push(std::net::TcpStream::connect(address).unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut buffer = vec![0u8; 1024];
            let _ = stream.read(&mut buffer).await;
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let bytes = (resident_bytes() - before) / count;
    Outcome::Bytes { count, bytes, unit: "bytes_per_conn" }
}
