package main

import (
	"runtime"
	"sync"
	"time"
)

func timerChurn() outcome {
	const count = 2000000
	start := time.Now()
	for i := 0; i < count; i++ {
		timer := time.NewTimer(30 * time.Second)
		runtime.Gosched()
		check(timer.Stop())
	}
	return timed(count, time.Since(start))
}

// Sleeps of 1 to 100 ms, all at once.
func timerFire() outcome {
	const count = 200000
	var group sync.WaitGroup
	group.Add(count)
	start := time.Now()
	for i := 0; i < count; i++ {
		pause := time.Duration(1+i%100) * time.Millisecond
		go func() {
			time.Sleep(pause)
			group.Done()
		}()
	}
	group.Wait()
	elapsed := time.Since(start)
	check(elapsed >= 100*time.Millisecond)
	return timed(count, elapsed)
}
