// The bench's workloads on the Go runtime.
//
// Usage: go_bench WORKLOAD THREADS [ADDR]; THREADS 0 and 1 are both one processor.
// Prints `workload threads ops seconds ns_per_op`, or `workload threads count bytes unit`
// for the rows that weigh memory. A wrong result panics, so no line is printed.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// outcome is what a workload found: a time, or the bytes of one idle thing.
type outcome struct {
	ops     int
	elapsed time.Duration
	bytes   int
	unit    string
}

func timed(ops int, elapsed time.Duration) outcome {
	return outcome{ops: ops, elapsed: elapsed}
}

var workloads = map[string]func() outcome{
	"spawn_join":          spawnJoin,
	"spawn_detached":      spawnDetached,
	"yield":               yields,
	"ping_pong":           pingPong,
	"chained_spawn":       chainedSpawn,
	"mpsc_bounded":        mpscBounded,
	"mpsc_pingpong":       mpscPingPong,
	"oneshot":             oneshots,
	"mutex_contended":     mutexContended,
	"semaphore_contended": semaphoreContended,
	"notify":              notify,
	"timer_churn":         timerChurn,
	"timer_fire":          timerFire,
	"echo_64":             func() outcome { return echo(64) },
	"echo_4096":           func() outcome { return echo(4096) },
	"serve_echo":          func() outcome { return serveEcho(os.Args[3]) },
	"idle_tasks":          idleTasks,
	"idle_sleeps":         idleSleeps,
	"idle_conns":          idleConns,
}

func main() {
	if len(os.Args) < 3 || workloads[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go_bench WORKLOAD THREADS [ADDR]")
		os.Exit(2)
	}
	name := os.Args[1]
	threads, err := strconv.Atoi(os.Args[2])
	must(err)
	if threads < 1 {
		runtime.GOMAXPROCS(1)
	} else {
		runtime.GOMAXPROCS(threads)
	}
	o := workloads[name]()
	if o.unit != "" {
		fmt.Println(name, threads, o.ops, o.bytes, o.unit)
		return
	}
	fmt.Printf("%s %d %d %.4f %.1f\n", name, threads, o.ops, o.elapsed.Seconds(),
		float64(o.elapsed.Nanoseconds())/float64(o.ops))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(ok bool) {
	if !ok {
		panic("a workload's result is wrong")
	}
}
