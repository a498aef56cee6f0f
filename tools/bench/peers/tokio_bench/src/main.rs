//! The bench's workloads on Tokio.
//!
//! Usage: `tokio_bench WORKLOAD THREADS [ADDR] [--size=N] [--times=N]`; THREADS 0 is the
//! current-thread runtime. Sizes are those of `kioto_bench`, for the rows whose cost is compared
//! by size: spawn_join and timer_churn_among.
//! Prints `workload threads ops seconds ns_per_op`, or `workload threads count bytes unit`
//! for the rows that weigh memory. A wrong result panics, so no line is printed.
mod blocking;
mod channels;
mod children;
mod codecs;
mod datagrams;
mod files;
mod locks;
mod memory;
mod net;
mod spawn;
mod timers;
mod transfers;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What a workload found.
pub enum Outcome {
    Time { ops: usize, elapsed: Duration },
    Bytes { count: usize, bytes: usize, unit: &'static str },
}

pub fn time(ops: usize, elapsed: Duration) -> Outcome {
    Outcome::Time { ops, elapsed }
}

/// The number behind `flag`, if it was given, else the usual one.
pub fn asked(flag: &str, usual: usize) -> usize {
    std::env::args().find_map(|argument| argument.strip_prefix(flag)?.parse().ok()).unwrap_or(usual)
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        0 => Builder::new_current_thread(),
        n => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(n);
            builder
        }
    };
    builder.enable_all().build().unwrap()
}

fn workload(name: &str, address: String) -> Option<Pin<Box<dyn Future<Output = Outcome>>>> {
    Some(match name {
        "spawn_join" => Box::pin(spawn::join()),
        "spawn_detached" => Box::pin(spawn::detached()),
        "yield" => Box::pin(spawn::yields()),
        "ping_pong" => Box::pin(spawn::ping_pong()),
        "chained_spawn" => Box::pin(spawn::chained()),
        "mpsc_bounded" => Box::pin(channels::mpsc_bounded()),
        "mpsc_unbounded" => Box::pin(channels::mpsc_unbounded()),
        "mpsc_pingpong" => Box::pin(channels::mpsc_pingpong()),
        "oneshot" => Box::pin(channels::oneshots()),
        "broadcast" => Box::pin(channels::broadcasts()),
        "watch" => Box::pin(channels::watches()),
        "mutex_contended" => Box::pin(locks::mutex_contended()),
        "mutex_uncontended" => Box::pin(locks::mutex_uncontended()),
        "mutex_held" => Box::pin(locks::mutex_held()),
        "semaphore_contended" => Box::pin(locks::semaphore_contended()),
        "rwlock_read" => Box::pin(locks::rwlock_read()),
        "notify" => Box::pin(locks::notify()),
        "timer_churn" => Box::pin(timers::churn()),
        "timer_churn_among" => Box::pin(timers::churn_among()),
        "timer_fire" => Box::pin(timers::fire()),
        "spawn_blocking" => Box::pin(blocking::jobs()),
        "fs_read" => Box::pin(files::whole()),
        "fs_read_large" => Box::pin(files::large()),
        "fs_read_small" => Box::pin(files::small()),
        "fs_walk" => Box::pin(files::walks()),
        "echo_64" => Box::pin(net::echo(64)),
        "echo_4096" => Box::pin(net::echo(4096)),
        "udp_echo" => Box::pin(datagrams::udp_echo()),
        "proxy" => Box::pin(transfers::proxy()),
        "read_to_end" => Box::pin(transfers::read_to_end()),
        "lines" => Box::pin(codecs::lines()),
        "spawn_children" => Box::pin(children::spawned()),
        "serve_echo" => Box::pin(net::serve_echo(address)),
        "serve_http" => Box::pin(net::serve_http(address)),
        "idle_tasks" => Box::pin(memory::idle_tasks()),
        "idle_sleeps" => Box::pin(memory::idle_sleeps()),
        "idle_conns" => Box::pin(memory::idle_conns()),
        _ => return None,
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let name = arguments.get(1).cloned().unwrap_or_default();
    let threads = arguments.get(2).and_then(|n| n.parse().ok()).unwrap_or(0);
    let address = arguments.get(3).cloned().unwrap_or_default();
    let Some(work) = workload(&name, address) else {
        eprintln!("usage: tokio_bench WORKLOAD THREADS [ADDR] [--size=N] [--times=N]; no workload \"{name}\"");
        std::process::exit(2);
    };
    match runtime(threads).block_on(work) {
        Outcome::Time { ops, elapsed } => println!(
            "{name} {threads} {ops} {:.4} {:.1}",
            elapsed.as_secs_f64(),
            elapsed.as_nanos() as f64 / ops as f64
        ),
        Outcome::Bytes { count, bytes, unit } => {
            println!("{name} {threads} {count} {bytes} {unit}")
        }
    }
    std::process::exit(0); // a runtime full of parked tasks need not be taken down
}
