//! Timers.
use crate::{asked, time, Outcome};
use std::future::{poll_fn, Future};
use std::task::Poll;
use std::time::{Duration, Instant};

/// Time-outs round a yield, armed and dropped before they fire.
async fn timeouts(count: usize) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        tokio::time::timeout(Duration::from_secs(30), tokio::task::yield_now()).await.unwrap();
    }
    start.elapsed()
}

pub async fn churn() -> Outcome {
    let count = 2_000_000;
    time(count, tokio::spawn(timeouts(count)).await.unwrap())
}

/// The same, while --size other timers wait on the same wheel.
pub async fn churn_among() -> Outcome {
    let (others, count) = (asked("--size=", 1_000), asked("--times=", 2_000_000));
    let task = tokio::spawn(async move {
        let mut sleeps: Vec<_> = (0..others as u64)
            .map(|i| Box::pin(tokio::time::sleep(Duration::from_millis(86_400_000 + i % 100_000))))
            .collect();
        // With a budget all but the first would be pending without being on the wheel.
        tokio::task::unconstrained(poll_fn(|cx| {
            assert!(sleeps.iter_mut().all(|sleep| sleep.as_mut().poll(cx).is_pending()));
            Poll::Ready(())
        }))
        .await;
        timeouts(count).await
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
