"""Drives the proxy with curl, socat and sockets that behave badly: proxy_test.py PROXY."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testing"))
from running import MINUTE, Server, receive, receive_all, until  # noqa: E402

PROXY = ""


def proxy(upstream, *flags, **limits):
    return Server(PROXY, "127.0.0.1:0", upstream, *flags, **limits)


class Upstream:
    """A listener; `serve`, if there is one, gets each connection in a thread of its own."""

    def __init__(self, serve=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(MINUTE)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.threads = []
        self.serve = serve
        if serve:
            self.threads.append(threading.Thread(target=self._accept))
            self.threads[0].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self.threads[-1].start()

    def _serve(self, connection):
        with connection:
            self.serve(connection)

    def accept(self):
        connection, _ = self.listener.accept()
        connection.settimeout(MINUTE)
        return connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.serve:
            self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(MINUTE)
        self.listener.close()


def echo(connection):
    while True:
        piece = connection.recv(65536)
        if not piece:
            return
        connection.sendall(piece)


def answer_at_the_end(connection):
    connection.sendall(b"got %d bytes" % len(receive_all(connection)))


class CarryTest(unittest.TestCase):
    def test_curl_fetches_through_it(self):
        page = os.urandom(300000)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            with proxy("127.0.0.1:%d" % server.server_address[1]) as through:
                curls = [subprocess.Popen(["curl", "-sS", "--noproxy", "*", "http://%s/" % through.address], stdout=subprocess.PIPE)
                         for _ in range(16)]
                for curl in curls:
                    self.assertEqual(curl.communicate(timeout=MINUTE)[0], page)
                    self.assertEqual(curl.returncode, 0)
            server.shutdown()
            thread.join()

    def test_socat_half_closes_and_still_gets_the_answer(self):
        sent = os.urandom(200000)
        with Upstream(answer_at_the_end) as upstream, proxy(upstream.address) as through:
            ended = subprocess.run(["socat", "-t", str(MINUTE), "-", "TCP:" + through.address], input=sent,
                                   stdout=subprocess.PIPE, timeout=MINUTE, check=True)
            self.assertEqual(ended.stdout, b"got 200000 bytes")
            until(lambda: not through.connections(), "the end of the connection")
            self.assertEqual(through.log(), "")

    def test_many_connections_keep_their_bytes_apart(self):
        with Upstream(lambda connection: connection.sendall(receive_all(connection))) as upstream, \
                proxy(upstream.address) as through:
            clients = [through.connect() for _ in range(100)]
            for number, client in enumerate(clients):
                client.sendall(b"I am %d. " % number * 1000)
            for number, client in enumerate(clients):
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), b"I am %d. " % number * 1000)
                client.close()

    @unittest.skipIf("KIOTO_PORTABLE" in os.environ, "the kernel moves nothing: splice is Linux's own")
    def test_the_kernel_moves_what_is_large(self):
        # By a pipe, where it stands still. It may stand still with a buffer as well: then the upstream takes some, and on it goes.
        with Upstream() as upstream, proxy(upstream.address) as through, through.connect() as client, upstream.accept() as server:
            before = through.files().count("pipe")
            client.sendall(b"x" * 100000)
            client.setblocking(False)
            on_its_way = 100000

            def full():
                nonlocal on_its_way
                try:
                    on_its_way += client.send(b"x" * 100000)
                except BlockingIOError:
                    if through.files().count("pipe") == before + 2:
                        return True
                    on_its_way -= len(server.recv(100000))
                return False

            until(full, "a pipe that is full")
            client.settimeout(MINUTE)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(server), b"x" * on_its_way)

    def test_a_name_is_looked_up(self):
        with Upstream(answer_at_the_end) as upstream, proxy(upstream.address.replace("127.0.0.1", "localhost")) as through, \
                through.connect() as client:
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"got 0 bytes")


class FaultTest(unittest.TestCase):
    def test_a_refused_upstream_is_logged_and_the_client_is_closed(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % nobody.getsockname()[1]
            with proxy(address) as through, through.connect() as client:
                self.assertEqual(client.recv(1), b"")
                who = "127.0.0.1:%d" % client.getsockname()[1]
                through.await_log("proxy: %s to %s: " % (who, address))
                self.assertIn("Connection refused (ECONNREFUSED)", through.log())

    def test_an_upstream_that_does_not_answer_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            address = full.getsockname()
            waiting = []  # they fill the backlog: the kernel drops the next one's SYN
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(address)
            with proxy("%s:%d" % address, "--connect-ms=100") as through, through.connect() as client:
                self.assertEqual(client.recv(1), b"")
                through.await_log("DEADLINE_EXCEEDED")
            for one in waiting:
                one.close()

    def test_a_peer_that_neither_reads_nor_writes_is_given_up(self):
        with Upstream() as upstream, proxy(upstream.address, "--idle-ms=200") as through, through.connect() as client:
            with upstream.accept():
                client.settimeout(0.05)
                with self.assertRaises(OSError):  # first all buffers are full; then the proxy has closed
                    for _ in range(10 * MINUTE):
                        try:
                            client.sendall(b"x" * 100000)
                        except socket.timeout:
                            pass
                through.await_log("the connection was idle")

    def test_one_that_says_something_now_and_then_is_not_idle(self):
        with Upstream() as upstream, proxy(upstream.address, "--idle-ms=1000") as through:
            until(lambda: self.ticks(upstream, through), "a machine that stands still for less than a second")
            through.await_log("the connection was idle")

    def ticks(self, upstream, through):
        """Whether 15 ticks came through in more than the time of idleness. A pause of this machine between two is no fault."""
        end = threading.Event()
        with through.connect() as client, upstream.accept() as server:
            last = time.monotonic()
            for _ in range(15):
                try:
                    client.sendall(b"tick")
                    came = receive(server, 4)
                except (OSError, AssertionError):
                    self.assertGreater(time.monotonic() - last, 0.9)
                    return False
                self.assertEqual(came, b"tick")
                last = time.monotonic()
                end.wait(0.1)
            self.assertEqual(server.recv(1), b"")  # but then it is
        return True

    def test_a_reset_ends_the_other_side(self):
        with Upstream() as upstream, proxy(upstream.address) as through, through.connect() as client:
            server = upstream.accept()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            server.close()  # by a reset
            self.assertEqual(client.recv(1), b"")
            through.await_log("ECONNRESET")


class LimitTest(unittest.TestCase):
    def test_slots_are_no_more_than_there_are_descriptors_for(self):
        with Upstream(echo) as upstream:
            with proxy(upstream.address, "--connections=600", files=(80, 4000)) as through:
                self.assertEqual((through.most_files(), through.log()), (4000, ""))
            with mock.patch.dict(os.environ, KIOTO_WORKER_THREADS="8"), proxy(upstream.address, files=(136, 136)) as through:
                through.await_log("proxy: room for 2 connections at a time, not 1024: ulimit -n says 136")  # 56 more for workers
                clients = [through.connect() for _ in range(20)]
                for client in clients:
                    client.sendall(b"x")
                for client in clients:
                    with client:
                        self.assertEqual(receive(client, 1), b"x")

    def test_more_clients_than_slots_wait_their_turn(self):
        with Upstream() as upstream, proxy(upstream.address, "--connections=2") as through:
            clients = [through.connect() for _ in range(3)]  # by the kernel
            for number, client in enumerate(clients):
                client.sendall(b"%d" % number)
            servers = {}
            for _ in range(2):  # whoever came first
                server = upstream.accept()
                servers[int(receive(server, 1))] = server
            upstream.listener.settimeout(0.3)
            with self.assertRaises(socket.timeout):
                upstream.accept()
            upstream.listener.settimeout(MINUTE)
            leaves = next(iter(servers))
            clients[leaves].close()
            servers[leaves].close()
            with upstream.accept() as server:
                self.assertEqual({int(receive(server, 1)), *servers}, {0, 1, 2})
            for one in (*clients, *servers.values()):
                one.close()


class EndTest(unittest.TestCase):
    def test_sigterm_lets_connections_end(self):
        with Upstream(echo) as upstream, proxy(upstream.address) as through, through.connect() as client:
            client.sendall(b"before")
            self.assertEqual(receive(client, 6), b"before")
            through.terminate()
            until(through.refuses, "the end of accepting")
            client.sendall(b"after")
            self.assertEqual(receive(client, 5), b"after")
            client.close()
            self.assertEqual((through.wait(), through.log()), (0, ""))

    def test_what_does_not_end_is_cut(self):
        with Upstream() as upstream, proxy(upstream.address, "--drain-ms=100") as through, through.connect() as client:
            with upstream.accept() as server:
                through.terminate()
                self.assertEqual(client.recv(1), b"")
                self.assertEqual(server.recv(1), b"")
                self.assertEqual(through.wait(), 0)
                self.assertIn("1 connections were cut", through.log())

    def test_wrong_flags_are_said(self):
        for words in (["127.0.0.1:0"], ["a", "b", "c"], ["127.0.0.1:0", "x:1", "--idle-ms=soon"], ["--what=1", "a", "b"]):
            ended = subprocess.run([PROXY, *words], stderr=subprocess.PIPE, timeout=MINUTE, check=False)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(b"usage: proxy LISTEN UPSTREAM", ended.stderr)


if __name__ == "__main__":
    PROXY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
