//! Child processes.
use crate::{time, Outcome};
use std::time::Instant;
use tokio::process::Command;

/// 500 children that do nothing, four at a time.
pub async fn spawned() -> Outcome {
    let (at_once, batches) = (4, 125);
    let start = Instant::now();
    tokio::spawn(async move {
        for _ in 0..batches {
            let children: Vec<_> =
                (0..at_once).map(|_| Command::new("/bin/true").spawn().unwrap()).collect();
            for mut child in children {
                assert!(child.wait().await.unwrap().success());
            }
        }
    })
    .await
    .unwrap();
    time(batches * at_once, start.elapsed())
}
