//! Timers.
use crate::{time, Outcome};
use std::time::{Duration, Instant};

/// A time-out round a yield, armed and dropped before it fires.
pub async fn churn() -> Outcome {
    let count = 2_000_000;
    let task = tokio::spawn(async move {
        let start = Instant::now();
        for _ in 0..count {
            tokio::time::timeout(Duration::from_secs(30), tokio::task::yield_now()).await.unwrap();
        }
        start.elapsed()
    });
    time(count, task.await.unwrap())
}

/// Sleeps of 1 to 100 ms, all at once.
pub async fn fire() -> Outcome {
    let count = 200_000u64;
    let start = Instant::now();
    let handles: Vec<_> = (0..count)
        .map(|i| {
            tokio::spawn(
                async move { tokio::time::sleep(Duration::from_millis(1 + i % 100)).await },
            )
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(100));
    time(count as usize, elapsed)
}
