package main

import (
	"sync"
	"time"
)

func mpscBounded() outcome {
	const producers, items = 5, 400000
	channel := make(chan uint64, 1000)
	var group sync.WaitGroup
	group.Add(producers)
	start := time.Now()
	for p := 0; p < producers; p++ {
		go func() {
			for i := 0; i < items; i++ {
				channel <- uint64(i)
			}
			group.Done()
		}()
	}
	go func() {
		group.Wait()
		close(channel)
	}()
	count, sum := 0, uint64(0)
	for value := range channel {
		count++
		sum += value
	}
	check(count == producers*items && sum == producers*(items*(items-1)/2))
	return timed(count, time.Since(start))
}

func mpscPingPong() outcome {
	const trips = 500000
	ping, pong := make(chan int, 1), make(chan int, 1)
	go func() {
		for value := range ping {
			pong <- value
		}
	}()
	start := time.Now()
	for i := 0; i < trips; i++ {
		ping <- i
		check(<-pong == i)
	}
	return timed(trips, time.Since(start))
}

func oneshots() outcome {
	const count = 3000000
	start := time.Now()
	for i := 0; i < count; i++ {
		channel := make(chan int, 1)
		channel <- i
		check(<-channel == i)
	}
	return timed(count, time.Since(start))
}

// Go's mutex barges: whoever runs takes it again.
func mutexContended() outcome {
	const tasks, rounds = 8, 200000
	var mutex sync.Mutex
	var group sync.WaitGroup
	value := 0
	group.Add(tasks)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			for k := 0; k < rounds; k++ {
				mutex.Lock()
				value++
				mutex.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
	check(value == tasks*rounds)
	return timed(tasks*rounds, time.Since(start))
}

// A buffered channel is Go's usual semaphore.
func semaphoreContended() outcome {
	const tasks, rounds, permits = 16, 100000, 4
	semaphore := make(chan struct{}, permits)
	var group sync.WaitGroup
	group.Add(tasks)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			for k := 0; k < rounds; k++ {
				semaphore <- struct{}{}
				<-semaphore
			}
			group.Done()
		}()
	}
	group.Wait()
	check(len(semaphore) == 0)
	return timed(tasks*rounds, time.Since(start))
}

// A channel that holds one token is Go's usual notification.
func notify() outcome {
	const trips = 500000
	ping, pong := make(chan struct{}, 1), make(chan struct{}, 1)
	go func() {
		for range ping {
			pong <- struct{}{}
		}
	}()
	start := time.Now()
	for i := 0; i < trips; i++ {
		ping <- struct{}{}
		<-pong
	}
	return timed(trips, time.Since(start))
}
