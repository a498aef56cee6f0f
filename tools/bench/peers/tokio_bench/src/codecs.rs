//! Codecs.
use crate::{time, Outcome};
use futures_core::Stream;
use futures_sink::Sink;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Instant;
use tokio::io::DuplexStream;
use tokio_util::codec::{Framed, LinesCodec};

type LinesStream = Framed<DuplexStream, LinesCodec>;

const LINE: &str = "a line of sixty-three bytes, that with its end makes sixty-four";

fn lines_of(stream: DuplexStream) -> LinesStream {
    Framed::new(stream, LinesCodec::new_with_max_length(64 * 1024))
}

async fn send_lines(stream: DuplexStream, lines: usize) {
    let mut stream = lines_of(stream);
    for _ in 0..lines {
        poll_fn(|cx| Sink::<&str>::poll_ready(Pin::new(&mut stream), cx)).await.unwrap();
        Pin::new(&mut stream).start_send(LINE).unwrap();
    }
    poll_fn(|cx| Sink::<&str>::poll_close(Pin::new(&mut stream), cx)).await.unwrap();
}

async fn receive_lines(stream: DuplexStream, lines: usize) {
    let mut stream = lines_of(stream);
    let mut received = 0;
    while let Some(line) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
        assert!(line.unwrap() == LINE);
        received += 1;
    }
    assert_eq!(received, lines);
}

/// Lines of 64 bytes with their ends, from one task to another.
pub async fn lines() -> Outcome {
    let lines = 2_000_000;
    let (first, second) = tokio::io::duplex(64 * 1024);
    let start = Instant::now();
    let sending = tokio::spawn(send_lines(first, lines));
    let receiving = tokio::spawn(receive_lines(second, lines));
    sending.await.unwrap();
    receiving.await.unwrap();
    time(lines, start.elapsed())
}
