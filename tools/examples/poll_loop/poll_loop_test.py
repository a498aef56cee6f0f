"""Drives the program with real clients: poll_loop_test.py PROGRAM"""

import socket
import subprocess
import sys


def main(program):
    with subprocess.Popen([program, "127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        host, port = server.stdout.readline().split()[-1].split(":")
        clients = [socket.create_connection((host, int(port)), timeout=30) for _ in range(8)]
        for round_ in range(20):
            for number, client in enumerate(clients):
                client.sendall(b"%d of %d" % (round_, number))
            server.stdin.write("x" * 10)  # the host has work meanwhile
            server.stdin.flush()
            for number, client in enumerate(clients):
                wanted = b"%d of %d" % (round_, number)
                assert client.recv(len(wanted), socket.MSG_WAITALL) == wanted
        server.stdin.close()
        said = server.stdout.read()
        assert said.endswith("200 bytes of input\n"), said
        assert server.wait(30) == 0
        for client in clients:
            assert client.recv(1) == b"", "the end of the runtime closes its connections"
            client.close()


if __name__ == "__main__":
    main(sys.argv[1])
