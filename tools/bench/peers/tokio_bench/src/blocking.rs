//! The blocking pool.
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
