//! The blocking pool, and files, which use it.
use crate::{time, Outcome};
use std::time::Instant;

pub async fn jobs() -> Outcome {
    let (jobs, in_flight) = (200_000, 1_000);
    let start = Instant::now();
    for _ in 0..jobs / in_flight {
        let handles: Vec<_> =
            (0..in_flight).map(|i| tokio::task::spawn_blocking(move || i)).collect();
        for (i, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.await.unwrap(), i);
        }
    }
    time(jobs, start.elapsed())
}

pub async fn file_reads() -> Outcome {
    let (reads, size) = (20_000, 64 * 1024);
    let path = std::env::temp_dir().join(format!("tokio_bench.{}", std::process::id()));
    std::fs::write(&path, vec![1u8; size]).unwrap();
    let start = Instant::now();
    for _ in 0..reads {
        let bytes = tokio::fs::read(&path).await.unwrap();
        assert!(bytes.len() == size && bytes[size - 1] == 1);
    }
    let elapsed = start.elapsed();
    std::fs::remove_file(&path).unwrap();
    time(reads, elapsed)
}
