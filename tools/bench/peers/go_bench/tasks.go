package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Go keeps no handles: a wait group stands for the joins.
func spawnJoin() outcome {
	const batches, tasks = 200, 10000
	start := time.Now()
	for b := 0; b < batches; b++ {
		var group sync.WaitGroup
		group.Add(tasks)
		for i := 0; i < tasks; i++ {
			go group.Done()
		}
		group.Wait()
	}
	return timed(batches*tasks, time.Since(start))
}

func spawnDetached() outcome {
	const batches, tasks = 200, 10000
	start := time.Now()
	for b := 0; b < batches; b++ {
		left := int64(tasks)
		done := make(chan struct{}, 1)
		for i := 0; i < tasks; i++ {
			go func() {
				if atomic.AddInt64(&left, -1) == 0 {
					done <- struct{}{}
				}
			}()
		}
		<-done
	}
	return timed(batches*tasks, time.Since(start))
}

func yields() outcome {
	const tasks, times = 200, 20000
	var group sync.WaitGroup
	group.Add(tasks)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			for k := 0; k < times; k++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	return timed(tasks*times, time.Since(start))
}

// Each goroutine starts a partner and swaps two one-shot channels with it.
func pingPong() outcome {
	const batches, tasks = 300, 1000
	start := time.Now()
	for b := 0; b < batches; b++ {
		var group sync.WaitGroup
		group.Add(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				ping, pong := make(chan struct{}, 1), make(chan struct{}, 1)
				go func() {
					<-ping
					pong <- struct{}{}
				}()
				ping <- struct{}{}
				<-pong
				group.Done()
			}()
		}
		group.Wait()
	}
	return timed(batches*tasks, time.Since(start))
}

func spawnNext(done chan struct{}, left int) {
	if left == 0 {
		done <- struct{}{}
	} else {
		go spawnNext(done, left-1)
	}
}

func chainedSpawn() outcome {
	const chains, tasks = 1000, 1000
	start := time.Now()
	for c := 0; c < chains; c++ {
		done := make(chan struct{}, 1)
		go spawnNext(done, tasks)
		<-done
	}
	return timed(chains*tasks, time.Since(start))
}
