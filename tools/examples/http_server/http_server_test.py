"""Drives http_server with curl, wrk, and sockets that are slow, lie, or do not read: http_server_test.py HTTP_SERVER."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testing"))
from running import MINUTE, Server, receive, receive_all, until  # noqa: E402

HTTP_SERVER = ""
HOST = b"Host: test\r\n"


class Site(unittest.TestCase):
    """A folder with files, and beside it one that must not be reached."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = os.path.join(self.folder.name, "root")
        os.makedirs(os.path.join(self.root, "sub"))
        self.put("hello.txt", b"hello, world\n")
        self.put("sub/index.html", b"<p>the index</p>")
        self.put("a b%.html", b"a space and a percent sign")
        self.put("empty", b"")
        self.large = os.urandom(3 << 20)
        self.put("large", self.large)
        self.put("../secret", b"not for you")

    def put(self, name, content):
        with open(os.path.join(self.root, name), "wb") as file:
            file.write(content)

    def server(self, *flags, **limits):
        return Server(HTTP_SERVER, "127.0.0.1:0", self.root, *flags, **limits)

    def ask(self, server, request):
        """All that comes back, until the server closes."""
        with server.connect() as client:
            client.sendall(request)
            return receive_all(client)


def response(data):
    """(status, fields in lower case, the rest)"""
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields, rest


def read_response(client):
    """One response that has a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(client, 1)
    status, fields, _ = response(data)
    return status, fields, receive(client, int(fields["content-length"]))


def get(path, more=b"", method=b"GET"):
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, path, HOST, more)


CLOSE = b"Connection: close\r\n"
CURL = ["curl", "-sS", "--noproxy", "*"]


def curl(*arguments):
    return subprocess.run([*CURL, "--path-as-is", "-m", str(MINUTE), *arguments], stdout=subprocess.PIPE, timeout=MINUTE,
                          check=True).stdout


class FilesTest(Site):
    def test_curl_gets_files(self):
        with self.server() as server:
            url = "http://%s/" % server.address
            self.assertEqual(curl(url + "hello.txt"), b"hello, world\n")
            self.assertEqual(curl(url + "a%20b%25.html?query"), b"a space and a percent sign")
            self.assertEqual(curl(url + "sub/"), b"<p>the index</p>")
            self.assertEqual(curl("-L", url + "sub"), b"<p>the index</p>")
            self.assertEqual(curl(url + "large"), self.large)
            self.assertEqual(curl(url + "empty"), b"")
            self.assertEqual(curl("-0", url + "hello.txt"), b"hello, world\n")
            many = curl("-v", *[url + "hello.txt"] * 50, "--stderr", os.path.join(self.folder.name, "log"))
            self.assertEqual(many, b"hello, world\n" * 50)
            with open(os.path.join(self.folder.name, "log")) as log:
                self.assertEqual(log.read().count("Re-using existing connection"), 49)

    def test_many_at_once(self):
        with self.server() as server:
            curls = [subprocess.Popen([*CURL, "http://%s/large" % server.address], stdout=subprocess.PIPE) for _ in range(8)]
            for one in curls:
                self.assertEqual(one.communicate(timeout=MINUTE)[0], self.large)

    def test_wrk(self):
        with self.server() as server:
            out = subprocess.run(["wrk", "-t1", "-c64", "-d1s", "http://%s/hello.txt" % server.address], stdout=subprocess.PIPE,
                                 universal_newlines=True, timeout=MINUTE, check=True).stdout
            self.assertGreater(int(re.search(r"(\d+) requests in", out).group(1)), 100, out)
            self.assertNotIn("Non-2xx", out)
            self.assertNotIn("Socket errors", out)

    def test_fields(self):
        with self.server() as server:
            status, fields, body = response(self.ask(server, get(b"/sub/index.html", CLOSE)))
            self.assertEqual((status, body), (200, b"<p>the index</p>"))
            self.assertEqual(fields["content-type"], "text/html; charset=utf-8")
            self.assertEqual(fields["connection"], "close")
            self.assertRegex(fields["date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d gmt$")
            since = b"If-Modified-Since: %s\r\n" % fields["last-modified"].encode().title().replace(b"Gmt", b"GMT")
            self.assertEqual(response(self.ask(server, get(b"/sub/index.html", since + CLOSE)))[0], 304)
            old = b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            self.assertEqual(response(self.ask(server, get(b"/sub/index.html", old + CLOSE)))[0], 200)

    def test_head_has_the_fields_of_get_and_no_body(self):
        with self.server() as server:
            _, fields, _ = response(self.ask(server, get(b"/large", CLOSE)))
            status, head, body = response(self.ask(server, get(b"/large", CLOSE, b"HEAD")))
            self.assertEqual((status, body), (200, b""))
            self.assertEqual({**head, "date": ""}, {**fields, "date": ""})
            self.assertEqual(self.ask(server, get(b"/nothing", b"", b"HEAD") + get(b"/empty", CLOSE, b"HEAD")).count(b"HTTP/1.1"), 2)

    def test_ranges(self):
        with self.server() as server:
            url = "http://%s/large" % server.address
            self.assertEqual(curl("-r", "100-199", url), self.large[100:200])
            self.assertEqual(curl("-r", "-70000", url), self.large[-70000:])
            self.assertEqual(curl("-r", "3000000-", url), self.large[3000000:])
            status, fields, body = response(self.ask(server, get(b"/hello.txt", b"Range: bytes=7-\r\n" + CLOSE)))
            self.assertEqual((status, fields["content-range"], body), (206, "bytes 7-12/13", b"world\n"))
            status, fields, body = response(self.ask(server, get(b"/hello.txt", b"Range: bytes=13-\r\n" + CLOSE)))
            self.assertEqual((status, fields["content-range"], body), (416, "bytes */13", b""))
            self.assertEqual(response(self.ask(server, get(b"/hello.txt", b"Range: bytes=0-1,3-4\r\n" + CLOSE)))[0], 200)

    def test_what_is_not_there_or_not_to_be_read(self):
        os.mkfifo(os.path.join(self.root, "pipe"))
        os.symlink("../secret", os.path.join(self.root, "link"))
        os.symlink("hello.txt", os.path.join(self.root, "alias"))
        os.symlink("circle", os.path.join(self.root, "circle"))
        with self.server() as server:
            for path, status in [("nothing", 404), ("hello.txt/x", 404), ("pipe", 404), ("link", 404), ("circle", 404), ("alias", 200),
                                 ("x" * 5000, 404), ("%00", 400), ("%zz", 400), ("sub", 301), ("", 404)]:
                answer = response(self.ask(server, get(b"/" + path.encode(), CLOSE)))
                self.assertEqual(answer[0], status, path)
            self.assertEqual(response(self.ask(server, get(b"//sub", CLOSE)))[1]["location"], "/sub/")

    def test_nothing_outside_the_root_is_reached(self):
        os.symlink(self.folder.name, os.path.join(self.root, "up"))
        os.mkdir(self.root + "2")  # its name begins as the root's does
        with open(self.root + "2/x", "w") as file:
            file.write("not for you")
        os.symlink("../root2", os.path.join(self.root, "other"))
        with self.server() as server:
            for path in ("../secret", "sub/../../secret", "%2e%2e/secret", "..%2fsecret", "sub/..%2f..%2fsecret", "/../secret",
                         "up/secret", "other/x", "..\\secret"):
                answer = self.ask(server, get(b"/" + path.encode(), CLOSE))
                self.assertEqual(response(answer)[0], 404, path)
                self.assertNotIn(b"not for you", answer)

    def test_a_folder_that_becomes_a_link_while_it_is_looked_at(self):
        folder, away, outside = (os.path.join(self.root, name) for name in ("moves", "../away", "../outside"))
        for name in ("moves/x", "../outside/x"):
            os.makedirs(os.path.dirname(os.path.join(self.root, name)), exist_ok=True)
            self.put(name, b"in the root" if name == "moves/x" else b"not for you")
        end = threading.Event()

        def swap():
            while not end.is_set():
                os.rename(folder, away)
                os.symlink(outside, folder)
                os.unlink(folder)
                os.rename(away, folder)

        swapper = threading.Thread(target=swap)
        swapper.start()
        found = refused = 0
        try:
            with self.server() as server, server.connect() as client:
                while found < 500 or refused < 500:
                    client.sendall(get(b"/moves/x") * 100)
                    for _ in range(100):
                        status, _, body = read_response(client)
                        self.assertIn((status, body), ((200, b"in the root"), (404, b"404 Not Found\n")))
                        found, refused = found + (status == 200), refused + (status == 404)
        finally:
            end.set()
            swapper.join()


class ConnectionTest(Site):
    def test_pipelined_requests_are_answered_in_order(self):
        with self.server() as server, server.connect() as client:
            client.sendall(get(b"/hello.txt") + get(b"/nothing") + get(b"/large") + get(b"/empty", b"", b"HEAD") +
                           get(b"/sub/", CLOSE))
            self.assertEqual(read_response(client)[2], b"hello, world\n")
            self.assertEqual(read_response(client)[0], 404)
            self.assertEqual(read_response(client)[2], self.large)
            rest = receive_all(client)
            self.assertEqual([response(part)[0] for part in rest.split(b"\r\n\r\n")[:2]], [200, 200])
            self.assertTrue(rest.endswith(b"<p>the index</p>"))

    def test_a_request_byte_by_byte(self):
        with self.server() as server, server.connect() as client:
            for byte in get(b"/hello.txt", b"Content-Length: 3\r\n") + b"abc":
                client.sendall(bytes([byte]))
            self.assertEqual(read_response(client)[2], b"hello, world\n")

    def test_http_1_0_closes_unless_it_is_asked_not_to(self):
        with self.server() as server:
            self.assertTrue(self.ask(server, b"GET /hello.txt HTTP/1.0\r\n\r\n").endswith(b"hello, world\n"))
            kept = self.ask(server, b"GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /empty HTTP/1.0\r\n\r\n")
            self.assertEqual(response(kept)[1]["connection"], "keep-alive")
            self.assertEqual(kept.count(b"HTTP/1.1 200"), 2)

    def test_slots_are_no_more_than_there_are_descriptors_for(self):
        with self.server(files=(80, 4000)) as server:
            self.assertEqual((server.most_files(), server.log()), (4000, ""))
        with mock.patch.dict(os.environ, KIOTO_WORKER_THREADS="8"), self.server(files=(136, 136)) as server:
            server.await_log("http_server: room for 8 connections at a time, not 1024: ulimit -n says 136")  # 56 more for workers
            clients = [server.connect() for _ in range(20)]
            for client in clients:
                client.sendall(get(b"/hello.txt"))
            for client in clients:
                with client:
                    self.assertEqual(read_response(client)[0], 200)

    def test_slots(self):
        with self.server("--connections=2") as server:
            clients = [server.connect() for _ in range(3)]
            for client in clients[:2]:
                client.sendall(get(b"/hello.txt"))
                read_response(client)
            clients[2].sendall(get(b"/hello.txt"))
            clients[2].settimeout(0.3)
            with self.assertRaises(socket.timeout):
                clients[2].recv(1)
            clients[2].settimeout(MINUTE)
            clients[0].close()
            self.assertEqual(read_response(clients[2])[0], 200)
            for client in clients:
                client.close()


class RefusalTest(Site):
    def refused(self, server, request):
        """The status; nothing else may come, and the connection is closed."""
        answer = self.ask(server, request)
        status, fields, body = response(answer)
        self.assertEqual(fields["connection"], "close")
        self.assertEqual(len(body), int(fields["content-length"]))
        return status

    def test_requests_that_are_none(self):
        with self.server() as server:
            for request, status in [
                    (b"nonsense\r\n\r\n", 501), (b"GET /\r\n\r\n", 505), (b"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505),
                    (b"GET / HTTP/1.1\r\n\r\n", 400), (get(b"/", b"Host: two\r\n"), 400), (get(b"x"), 400), (b"\x16\x03\x01\x02", 501),
                    (get(b"/", b"A : b\r\n"), 400), (get(b"/", b"A: b\r\n c\r\n"), 400)]:
                self.assertEqual(self.refused(server, request), status, request)

    def test_methods(self):
        with self.server() as server:
            for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS"):
                answer = self.ask(server, get(b"/hello.txt", b"Content-Length: 3\r\n", method) + b"abc")
                self.assertEqual((response(answer)[0], response(answer)[1]["allow"]), (405, "get, head"))
            for name, status in (("hello.txt", b"405"), ("large", b"413")):
                self.assertEqual(curl("-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "@" + os.path.join(self.root, name),
                                      "http://%s/" % server.address), status)

    def test_what_could_smuggle_a_request(self):
        inner = get(b"/sub/")
        with self.server() as server:
            for fields in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                           b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"):
                answer = self.ask(server, get(b"/hello.txt", fields) + b"0\r\n\r\n" + inner)
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, fields)
                self.assertEqual(response(answer)[0], 400, fields)
            # Bodies that are what they say are taken away, and what comes behind them is a request of its own.
            body = get(b"/large")
            answer = self.ask(server, get(b"/hello.txt", b"Content-Length: %d\r\n" % len(body)) + body + get(b"/sub/", CLOSE))
            self.assertEqual(answer.count(b"HTTP/1.1 200"), 2)
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            answer = self.ask(server, get(b"/hello.txt", b"Transfer-Encoding: chunked\r\n") + chunked + get(b"/sub/", CLOSE))
            self.assertEqual(answer.count(b"HTTP/1.1 200"), 2)
            self.assertTrue(answer.endswith(b"<p>the index</p>"))

    def test_limits_of_size(self):
        with self.server("--head=1000", "--body=1000", "--linger-ms=%d" % (1000 * MINUTE)) as server:
            self.assertEqual(self.refused(server, get(b"/", b"X: %s\r\n" % (b"x" * 1000))), 431)
            self.assertEqual(self.refused(server, get(b"/" + b"x" * 1000)), 414)
            self.assertEqual(self.refused(server, get(b"/", b"X: y\r\n" * 101)), 431)
            self.assertEqual(self.refused(server, get(b"/", b"Content-Length: 1001\r\n")), 413)
            self.assertEqual(self.refused(server, get(b"/", b"Transfer-Encoding: chunked\r\n") + b"3e9\r\n" + b"x" * 1001), 413)
            # One that goes on sending after it was refused gets the answer all the same.
            self.assertEqual(self.refused(server, get(b"/", b"Content-Length: 900000\r\n") + b"x" * 900000), 413)


class TimeTest(Site):
    def test_an_idle_client_is_left(self):
        with self.server("--idle-ms=200") as server, server.connect() as client:
            self.assertEqual(receive_all(client), b"")
            until(lambda: self.answers_and_ends(server), "an answer to a client that is fast enough")
            with server.connect() as other:  # that says nothing, in many bytes
                end = threading.Event()
                with self.assertRaises(OSError):
                    for _ in range(100 * MINUTE):
                        other.sendall(b"\r\n")
                        end.wait(0.01)

    def answers_and_ends(self, server):
        """Not if this machine stood still before the request was sent: the client was idle then."""
        try:
            answer = self.ask(server, get(b"/hello.txt"))
        except OSError:
            return False
        return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\nhello, world\n")

    def test_one_that_is_left_may_still_send(self):
        with self.server("--idle-ms=1", "--linger-ms=%d" % (1000 * MINUTE)) as server:
            with server.connect() as client:
                self.assertEqual(receive_all(client), b"")
                self.assertIn(client.getsockname()[1], server.connections())  # or what it sends would be answered by a reset
            until(lambda: not server.connections(), "the end of the connection")

    def test_a_slow_request_is_refused(self):
        with self.server("--request-ms=300") as server, server.connect() as client:
            end = threading.Event()
            start = time.monotonic()
            answer = b""
            client.settimeout(0.02)
            for byte in get(b"/hello.txt", b"X: %s\r\n" % (b"x" * 10000)):
                client.sendall(bytes([byte]))
                end.wait(0.01)
                try:
                    answer = client.recv(1)
                    break
                except socket.timeout:
                    pass
            self.assertGreater(time.monotonic() - start, 0.25)
            client.settimeout(MINUTE)
            self.assertEqual(response(answer + receive_all(client))[0], 408)

    def test_a_client_that_does_not_read_is_left(self):
        self.put("huge", b"")
        os.truncate(os.path.join(self.root, "huge"), 1 << 30)
        with self.server("--write-ms=200") as server, server.connect() as client:
            client.sendall(get(b"/huge"))
            receive(client, 1)
            until(lambda: not server.connections(), "the end of the connection")

    def test_a_file_that_becomes_shorter_ends_the_connection(self):
        with self.server() as server, server.connect() as client:
            self.put("shrinks", b"x" * (64 << 20))
            client.sendall(get(b"/shrinks"))
            receive(client, 1000)
            os.truncate(os.path.join(self.root, "shrinks"), 1 << 20)
            self.assertLess(len(receive_all(client)), 64 << 20)


class EndTest(Site):
    def test_sigterm_finishes_what_is_being_answered_and_leaves_the_others(self):
        self.put("huge", b"x" * (64 << 20))
        with self.server() as server, server.connect() as busy, server.connect() as idle, server.connect() as silent:
            idle.sendall(get(b"/hello.txt"))
            self.assertEqual(read_response(idle)[0], 200)
            busy.sendall(get(b"/huge"))
            receive(busy, 1000)
            until(lambda: len(server.connections()) == 3, "the three to be accepted")
            server.terminate()
            self.assertEqual(receive_all(idle), b"")
            self.assertEqual(receive_all(silent), b"")
            until(server.refuses, "the end of accepting")  # though it still serves
            self.assertGreater(len(receive_all(busy)), (64 << 20) - 1000)
            self.assertEqual((server.wait(), server.log()), (0, ""))

    def test_a_request_that_has_begun_is_still_answered(self):
        with self.server() as server, server.connect() as client, server.connect() as idle:
            client.sendall(get(b"/hello.txt") + b"GET /hello.txt HTTP/1.1\r\n")  # read with what is before it
            self.assertEqual(read_response(client)[0], 200)
            server.terminate()
            self.assertEqual(receive_all(idle), b"")
            client.sendall(HOST + b"\r\n")
            status, fields, body = response(receive_all(client))
            self.assertEqual((status, fields["connection"], body), (200, "close", b"hello, world\n"))
            self.assertEqual(server.wait(), 0)

    def test_requests_that_were_read_are_all_answered(self):
        self.put("huge", b"x" * (64 << 20))
        with self.server() as server, server.connect() as client:
            client.sendall(get(b"/huge") + get(b"/hello.txt") * 2)
            receive(client, 1000)
            server.terminate()
            answers = receive_all(client)
            self.assertEqual(answers.count(b"hello, world\n"), 2)
            self.assertEqual(answers.count(b"Connection: close"), 1)
            self.assertEqual(server.wait(), 0)

    def test_requests_that_came_before_the_signal_are_answered(self):
        with self.server() as server:
            clients = [server.connect() for _ in range(8)]
            for client in clients:
                client.sendall(get(b"/hello.txt"))
                read_response(client)
            server.terminate(signal.SIGSTOP)
            until(server.stopped, "the end of all its threads' work")
            for client in clients:
                client.sendall(get(b"/hello.txt"))
            until(lambda: all(server.connections().values()), "the requests")
            server.terminate()
            server.terminate(signal.SIGCONT)
            for client in clients:
                with client:
                    # Before the signal or after it: it says so ("Connection: close") or not, and closes.
                    self.assertEqual(response(receive_all(client))[0], 200)
            self.assertEqual(server.wait(), 0)

    def test_what_does_not_end_is_cut(self):
        self.put("huge", b"x" * (64 << 20))
        with self.server("--drain-ms=100") as server, server.connect() as client:
            client.sendall(get(b"/huge"))
            receive(client, 1)
            server.terminate()
            self.assertEqual(server.wait(), 0)

    def test_a_root_that_is_not_there_is_said(self):
        ended = subprocess.run([HTTP_SERVER, "127.0.0.1:0", "/nowhere"], stderr=subprocess.PIPE, timeout=MINUTE, check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"ENOENT", ended.stderr)


if __name__ == "__main__":
    HTTP_SERVER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
