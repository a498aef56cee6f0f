package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"time"
)

func residentBytes() int {
	statm, err := os.ReadFile("/proc/self/statm")
	must(err)
	var size, resident int
	_, err = fmt.Sscan(string(statm), &size, &resident)
	must(err)
	return resident * os.Getpagesize()
}

func idleTasks() outcome {
	const count = 1000000
	never := make(chan struct{})
	before := residentBytes()
	for i := 0; i < count; i++ {
		go func() { <-never }()
	}
	time.Sleep(500 * time.Millisecond)
	check(runtime.NumGoroutine() > count)
	return outcome{ops: count, bytes: (residentBytes() - before) / count, unit: "bytes_per_task"}
}

func idleSleeps() outcome {
	const count = 1000000
	before := residentBytes()
	for i := 0; i < count; i++ {
		go time.Sleep(time.Hour)
	}
	time.Sleep(500 * time.Millisecond)
	check(runtime.NumGoroutine() > count)
	return outcome{ops: count, bytes: (residentBytes() - before) / count, unit: "bytes_per_task"}
}

// Accepted connections, each with a goroutine that waits to read into 1 KiB. The other ends are
// connections of Go's too, which wait for nothing; their descriptors weigh on this figure.
func idleConns() outcome {
	const count = 8000
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	clients := make([]net.Conn, 0, count)
	before := residentBytes()
	for i := 0; i < count; i++ {
		client, err := net.Dial("tcp", listener.Addr().String())
		must(err)
		clients = append(clients, client)
		conn, err := listener.Accept()
		must(err)
		go func() {
			buffer := make([]byte, 1024)
			conn.Read(buffer)
		}()
	}
	time.Sleep(300 * time.Millisecond)
	bytes := (residentBytes() - before) / count
	runtime.KeepAlive(clients)
	return outcome{ops: count, bytes: bytes, unit: "bytes_per_conn"}
}
