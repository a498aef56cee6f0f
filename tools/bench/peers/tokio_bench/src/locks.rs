//! Mutex, semaphore, read-write lock, notify.
use crate::{time, Outcome};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Mutex, Notify, RwLock, Semaphore};

const MUTEX_TASKS: u64 = 8;

pub async fn mutex_contended() -> Outcome {
    let rounds = 200_000;
    let mutex = Arc::new(Mutex::new(0u64));
    let start = Instant::now();
    let handles: Vec<_> = (0..MUTEX_TASKS)
        .map(|_| {
            let mutex = mutex.clone();
            tokio::spawn(async move {
                for _ in 0..rounds {
                    *mutex.lock().await += 1;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    assert_eq!(*mutex.lock().await, MUTEX_TASKS * rounds);
    time((MUTEX_TASKS * rounds) as usize, start.elapsed())
}

/// The guard is held across a yield, so every lock is contended.
pub async fn mutex_held() -> Outcome {
    let rounds = 50_000;
    let mutex = Arc::new(Mutex::new(0u64));
    let start = Instant::now();
    let handles: Vec<_> = (0..MUTEX_TASKS)
        .map(|_| {
            let mutex = mutex.clone();
            tokio::spawn(async move {
                for _ in 0..rounds {
                    let mut guard = mutex.lock().await;
                    *guard += 1;
                    tokio::task::yield_now().await;
                    drop(guard);
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    assert_eq!(*mutex.lock().await, MUTEX_TASKS * rounds);
    time((MUTEX_TASKS * rounds) as usize, start.elapsed())
}

pub async fn mutex_uncontended() -> Outcome {
    let rounds = 5_000_000;
    let mutex = Mutex::new(0u64);
    let start = Instant::now();
    for _ in 0..rounds {
        *mutex.lock().await += 1;
    }
    let elapsed = start.elapsed();
    assert_eq!(*mutex.lock().await, rounds);
    time(rounds as usize, elapsed)
}

pub async fn semaphore_contended() -> Outcome {
    let (tasks, rounds) = (16, 100_000);
    let semaphore = Arc::new(Semaphore::new(4));
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            let semaphore = semaphore.clone();
            tokio::spawn(async move {
                for _ in 0..rounds {
                    let _permit = semaphore.acquire().await.unwrap();
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    assert_eq!(semaphore.available_permits(), 4);
    time(tasks * rounds, start.elapsed())
}

pub async fn rwlock_read() -> Outcome {
    let (tasks, rounds) = (8, 200_000);
    let lock = Arc::new(RwLock::new(1u64));
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            let lock = lock.clone();
            tokio::spawn(async move {
                let mut sum = 0;
                for _ in 0..rounds {
                    sum += std::hint::black_box(*lock.read().await);
                }
                sum
            })
        })
        .collect();
    for handle in handles {
        assert_eq!(handle.await.unwrap(), rounds);
    }
    time(tasks * rounds as usize, start.elapsed())
}

pub async fn notify() -> Outcome {
    let trips = 500_000;
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (ping2, pong2) = (ping.clone(), pong.clone());
    tokio::spawn(async move {
        loop {
            ping2.notified().await;
            pong2.notify_one();
        }
    });
    let pinger = tokio::spawn(async move {
        let start = Instant::now();
        for _ in 0..trips {
            ping.notify_one();
            pong.notified().await;
        }
        start.elapsed()
    });
    time(trips, pinger.await.unwrap())
}
