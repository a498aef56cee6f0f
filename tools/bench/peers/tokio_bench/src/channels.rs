//! Channels.
use crate::{time, Outcome};
use std::time::Instant;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

const PRODUCERS: u64 = 5;
const ITEMS: u64 = 400_000; // by each producer
const EXPECTED: (u64, u64) = (PRODUCERS * ITEMS, PRODUCERS * (ITEMS * (ITEMS - 1) / 2));

/// In a task, until all senders are gone: how many values came, and their sum. (The receivers have no trait in common.)
macro_rules! receive_all {
    ($rx:ident) => {{
        let receiving = tokio::spawn(async move {
            let (mut count, mut sum) = (0, 0);
            while let Some(value) = $rx.recv().await {
                count += 1;
                sum += value;
            }
            (count, sum)
        });
        receiving.await.unwrap()
    }};
}

pub async fn mpsc_bounded() -> Outcome {
    let (tx, mut rx) = mpsc::channel::<u64>(1000);
    let start = Instant::now();
    for _ in 0..PRODUCERS {
        let tx = tx.clone();
        tokio::spawn(async move {
            for i in 0..ITEMS {
                tx.send(i).await.unwrap();
            }
        });
    }
    drop(tx);
    let received = receive_all!(rx);
    assert_eq!(received, EXPECTED);
    time(received.0 as usize, start.elapsed())
}

/// A producer yields every 1,000 items, or the queue would hold them all.
pub async fn mpsc_unbounded() -> Outcome {
    let (tx, mut rx) = mpsc::unbounded_channel::<u64>();
    let start = Instant::now();
    for _ in 0..PRODUCERS {
        let tx = tx.clone();
        tokio::spawn(async move {
            for i in 0..ITEMS {
                tx.send(i).unwrap();
                if i % 1000 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    drop(tx);
    let received = receive_all!(rx);
    assert_eq!(received, EXPECTED);
    time(received.0 as usize, start.elapsed())
}

pub async fn mpsc_pingpong() -> Outcome {
    let trips = 500_000;
    let (ping_tx, mut ping_rx) = mpsc::channel::<usize>(1);
    let (pong_tx, mut pong_rx) = mpsc::channel::<usize>(1);
    tokio::spawn(async move {
        while let Some(value) = ping_rx.recv().await {
            if pong_tx.send(value).await.is_err() {
                break;
            }
        }
    });
    let pinger = tokio::spawn(async move {
        let start = Instant::now();
        for i in 0..trips {
            ping_tx.send(i).await.unwrap();
            assert_eq!(pong_rx.recv().await, Some(i));
        }
        start.elapsed()
    });
    time(trips, pinger.await.unwrap())
}

pub async fn oneshots() -> Outcome {
    let count = 3_000_000;
    let start = Instant::now();
    for i in 0..count {
        let (tx, rx) = oneshot::channel();
        tx.send(i).unwrap();
        assert_eq!(rx.await, Ok(i));
    }
    time(count, start.elapsed())
}

/// The sender waits where it would overtake a receiver: each gets every value, or the row fails.
pub async fn broadcasts() -> Outcome {
    let values = 400_000u64;
    let (capacity, burst) = (1024, 64);
    let (tx, _) = broadcast::channel::<u64>(capacity);
    let start = Instant::now();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let mut rx = tx.subscribe();
            tokio::spawn(async move {
                let mut count = 0u64;
                loop {
                    match rx.recv().await {
                        Ok(value) => {
                            assert_eq!(value, count);
                            count += 1;
                        }
                        Err(error) => {
                            assert_eq!(error, broadcast::error::RecvError::Closed);
                            return count;
                        }
                    }
                }
            })
        })
        .collect();
    tokio::spawn(async move {
        let mut value = 0;
        while value < values {
            if tx.len() <= capacity - burst {
                for _ in 0..burst.min((values - value) as usize) {
                    assert_eq!(tx.send(value).unwrap(), 4);
                    value += 1;
                }
            }
            if value < values {
                tokio::task::yield_now().await;
            }
        }
    });
    for receiver in receivers {
        assert_eq!(receiver.await.unwrap(), values);
    }
    time(values as usize, start.elapsed())
}

pub async fn watches() -> Outcome {
    let values = 300_000u64;
    let (tx, rx) = watch::channel(0u64);
    let start = Instant::now();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let mut rx = rx.clone();
            tokio::spawn(async move {
                let mut last = 0;
                while rx.changed().await.is_ok() {
                    let value = *rx.borrow_and_update();
                    assert!(value >= last);
                    last = value;
                }
                last
            })
        })
        .collect();
    tokio::spawn(async move {
        for i in 0..values {
            tx.send(i).unwrap();
            if i % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    for receiver in receivers {
        assert_eq!(receiver.await.unwrap(), values - 1);
    }
    time(values as usize, start.elapsed())
}
