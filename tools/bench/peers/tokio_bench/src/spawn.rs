//! Spawning, joining, yielding.
use crate::{asked, time, Outcome};
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::oneshot;

/// Ends a batch when the last of its tasks has reported.
struct Countdown {
    left: AtomicUsize,
    done: Mutex<Option<oneshot::Sender<()>>>,
}

impl Countdown {
    fn new(count: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (tx, rx) = oneshot::channel();
        let left = AtomicUsize::new(count);
        (Arc::new(Countdown { left, done: Mutex::new(Some(tx)) }), rx)
    }

    fn count_down(&self) {
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.done.lock().unwrap().take().unwrap().send(()).unwrap();
        }
    }
}

pub async fn join() -> Outcome {
    let (batches, tasks) = (asked("--times=", 200), asked("--size=", 10_000));
    let spawner = tokio::spawn(async move {
        let start = Instant::now();
        for _ in 0..batches {
            let mut handles = Vec::with_capacity(tasks);
            for _ in 0..tasks {
                handles.push(tokio::spawn(async {}));
            }
            for handle in handles {
                handle.await.unwrap();
            }
        }
        start.elapsed()
    });
    time(batches * tasks, spawner.await.unwrap())
}

pub async fn detached() -> Outcome {
    let (batches, tasks) = (200, 10_000);
    let spawner = tokio::spawn(async move {
        let start = Instant::now();
        for _ in 0..batches {
            let (countdown, done) = Countdown::new(tasks);
            for _ in 0..tasks {
                let countdown = countdown.clone();
                tokio::spawn(async move { countdown.count_down() });
            }
            done.await.unwrap();
        }
        start.elapsed()
    });
    time(batches * tasks, spawner.await.unwrap())
}

pub async fn yields() -> Outcome {
    let (tasks, yields) = (200, 20_000);
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    time(tasks * yields, start.elapsed())
}

/// Each task spawns a partner and swaps two oneshots with it.
pub async fn ping_pong() -> Outcome {
    let (batches, tasks) = (300, 1_000);
    let start = Instant::now();
    for _ in 0..batches {
        let (countdown, done) = Countdown::new(tasks);
        for _ in 0..tasks {
            let countdown = countdown.clone();
            tokio::spawn(async move {
                let (ping_tx, ping_rx) = oneshot::channel();
                let (pong_tx, pong_rx) = oneshot::channel();
                tokio::spawn(async move {
                    ping_rx.await.unwrap();
                    pong_tx.send(()).unwrap();
                });
                ping_tx.send(()).unwrap();
                pong_rx.await.unwrap();
                countdown.count_down();
            });
        }
        done.await.unwrap();
    }
    time(batches * tasks, start.elapsed())
}

fn spawn_next(done: oneshot::Sender<()>, left: usize) {
    if left == 0 {
        done.send(()).unwrap();
    } else {
        tokio::spawn(async move { spawn_next(done, left - 1) });
    }
}

pub async fn chained() -> Outcome {
    let (chains, tasks) = (1_000, 1_000);
    let start = Instant::now();
    for _ in 0..chains {
        let (tx, rx) = oneshot::channel();
        tokio::spawn(async move { spawn_next(tx, tasks) });
        rx.await.unwrap();
    }
    time(chains * tasks, start.elapsed())
}
