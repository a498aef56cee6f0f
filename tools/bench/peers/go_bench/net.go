package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"
)

func acceptEchoes(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		must(err)
		go func() {
			buffer := make([]byte, 16384)
			for {
				n, err := conn.Read(buffer)
				if err == nil {
					_, err = conn.Write(buffer[:n])
				}
				if err != nil {
					conn.Close()
					return
				}
			}
		}()
	}
}

func echoClient(address string, size, exchanges int) {
	conn, err := net.Dial("tcp", address)
	must(err)
	request, reply := bytes.Repeat([]byte{7}, size), make([]byte, size)
	for k := 0; k < exchanges; k++ {
		_, err = conn.Write(request)
		must(err)
		_, err = io.ReadFull(conn, reply)
		must(err)
		check(bytes.Equal(request, reply))
	}
}

// Closed-loop exchanges over loopback, client and server in one process. Go sets TCP_NODELAY itself.
func echo(size int) outcome {
	const connections, exchanges = 64, 6000
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go acceptEchoes(listener)
	var group sync.WaitGroup
	group.Add(connections)
	start := time.Now()
	for i := 0; i < connections; i++ {
		go func() {
			echoClient(listener.Addr().String(), size, exchanges)
			group.Done()
		}()
	}
	group.Wait()
	return timed(connections*exchanges, time.Since(start))
}

// An echo server for an outside load; never ends.
func serveEcho(address string) outcome {
	listener, err := net.Listen("tcp", address)
	must(err)
	acceptEchoes(listener)
	panic("unreachable")
}
