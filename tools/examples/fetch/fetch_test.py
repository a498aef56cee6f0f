"""Drives fetch against our own server and raw ones that lie: fetch_test.py FETCH HTTP_SERVER."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testing"))
from running import MINUTE, STALL, Server  # noqa: E402

FETCH, HTTP_SERVER = "", ""


def fetch(*arguments):
    """(status, what it printed, what it complained of)"""
    ended = subprocess.run([FETCH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=MINUTE, check=False)
    return ended.returncode, ended.stdout, STALL.sub("", ended.stderr.decode())


class Raw:
    """Sends `reply` to every request, whatever it is, and closes; or what `reply` makes of the request."""

    def __init__(self, reply):
        self.reply = reply if callable(reply) else lambda _: reply
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(MINUTE)
                try:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        piece = connection.recv(65536)
                        if not piece:
                            break
                        request += piece
                    self.requests.append(request)
                    answer = self.reply(request)
                    if answer is None:
                        connection.recv(1)  # until the client gives up
                    else:
                        connection.sendall(answer)
                except OSError:
                    pass  # the client has left

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(MINUTE)
        self.listener.close()


class OwnServerTest(unittest.TestCase):
    def test_fetches_pages(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "sub"))
            large = os.urandom(2 << 20)
            for name, content in (("large", large), ("small", b"small"), ("empty", b""), ("sub/index.html", b"the index")):
                with open(os.path.join(root, name), "wb") as file:
                    file.write(content)
            with Server(HTTP_SERVER, "127.0.0.1:0", root) as server:
                base = "http://%s/" % server.address
                self.assertEqual(fetch("--print=1", base + "large"), (0, large, ""))
                self.assertEqual(fetch("--print=1", server.address + "/sub"), (0, b"the index", ""))  # by a redirect
                urls = [base + "small"] * 100 + [base + "empty"]
                status, printed, errors = fetch(*urls)
                self.assertEqual((status, errors), (0, ""))
                self.assertEqual(sorted(printed.decode().splitlines()),
                                 sorted(["5 bytes of %ssmall" % base] * 100 + ["0 bytes of %sempty" % base, "101 of 101"]))
                status, printed, errors = fetch(base + "nothing", base + "small")
                self.assertEqual((status, printed.splitlines()[-1]), (1, b"1 of 2"))
                self.assertIn("status 404", errors)
                status, _, errors = fetch("--body=1000000", base + "large")
                self.assertEqual(status, 1)
                self.assertIn("RESOURCE_EXHAUSTED: a page of more than 1000000 bytes", errors)


class RawServerTest(unittest.TestCase):
    def page(self, reply, *flags):
        with Raw(reply) as server:
            return fetch("--print=1", *flags, server.address)

    def test_every_form_of_a_response(self):
        for reply in (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage", b"HTTP/1.0 200 OK\r\n\r\npage",
                      b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\np\r\n3;x=y\r\nage\r\n0\r\nT: x\r\n\r\n",
                      b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage",
                      b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage and more than was said"):
            self.assertEqual(self.page(reply), (0, b"page", ""), reply)

    def test_asks_as_it_should(self):
        with Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
            self.assertEqual(fetch("--print=1", "http://%s?q#fragment" % server.address)[0], 0)
            self.assertEqual(server.requests, [b"GET /?q HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % server.address.encode()])

    def test_servers_that_lie(self):
        for reply, error in (
                (b"220 smtp.example.org ESMTP\r\n", "DATA_LOSS: what came is no response"),
                (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "DATA_LOSS"),
                (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "DATA_LOSS"),
                (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "DATA_LOSS"),
                (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, "DATA_LOSS"),
                (b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "RESOURCE_EXHAUSTED: the server has nothing but provisional"),
                (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", "RESOURCE_EXHAUSTED"),
                (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2000, "RESOURCE_EXHAUSTED"),
                (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
                (b"HTTP/1.1 302 Found\r\nLocation: https://example.org/\r\nContent-Length: 0\r\n\r\n", "UNIMPLEMENTED"),
                (b"HTTP/1.1 302 Found\r\nLocation: /a b\r\nContent-Length: 0\r\n\r\n", "INVALID_ARGUMENT")):
            with Raw(reply) as server:
                status, printed, errors = fetch("--print=1", "--body=1000", server.address)
                self.assertEqual((status, printed), (1, b""), reply)
                self.assertIn(error, errors)
                self.assertEqual(len(server.requests), 1, errors)  # it would not help to try again

    def test_what_may_get_better_is_tried_again(self):
        good = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"
        for bad in (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", b"HTTP/1.1 20", b""):
            replies = [bad, bad, good]
            self.assertEqual(self.page(lambda _, replies=replies: replies.pop(0)), (0, b"page", ""), bad)

    def test_redirects(self):
        def reply(request):
            path = request.split()[1].decode()
            steps = {"/a": "b/c?x", "/b/c?x": "d", "/b/d": "/e", "/e": "//%s/f" % server.address, "/f": "http://%s/end" % server.address}
            if path == "/end":
                return b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend"
            return b"HTTP/1.1 307 T\r\nContent-Length: 3\r\nLocation: %s\r\n\r\nnot" % steps.get(path, "/loop").encode()

        with Raw(reply) as server:
            self.assertEqual(fetch("--print=1", server.address + "/a"), (0, b"end", ""))
            self.assertEqual(len(server.requests), 6)
            self.assertIn("too many redirects", fetch("--redirects=4", server.address + "/a")[2])
            server.requests.clear()
            self.assertIn("too many redirects", fetch(server.address + "/loop")[2])
            self.assertEqual(len(server.requests), 6)

    def test_what_an_address_may_leave_out(self):
        steps = {"/a/b": "?x#y", "/a/b?x": "c?u=http://h/", "/a/c?u=http://h/": "/d:e", "/d:e": "HTTP://%s/f", "/f": "mailto:x"}

        def reply(request):
            location = steps.get(request.split()[1].decode(), "/nowhere").replace("%s", server.address)
            return b"HTTP/1.1 307 T\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % location.encode()

        with Raw(reply) as server:
            self.assertIn("UNIMPLEMENTED: only http: is spoken here: mailto:x", fetch(server.address + "/a/b")[2])
            self.assertEqual([request.split()[1].decode() for request in server.requests], list(steps))

    def test_silence(self):
        status, _, errors = self.page(lambda _: None, "--silence-ms=100")
        self.assertEqual(status, 1)
        self.assertIn("DEADLINE_EXCEEDED", errors)

    def test_a_server_that_trickles_is_given_up_after_all(self):
        end = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def trickle():
                connection, _ = listener.accept()
                with connection:
                    try:
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                        while not end.wait(0.02):
                            connection.sendall(b"x")
                    except OSError:
                        pass

            thread = threading.Thread(target=trickle)
            thread.start()
            status, _, errors = fetch("--whole-ms=400", "--silence-ms=10000", "127.0.0.1:%d" % listener.getsockname()[1])
            end.set()
            thread.join()
        self.assertEqual(status, 1)
        self.assertIn("DEADLINE_EXCEEDED", errors)

    def test_nobody_there(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            status, _, errors = fetch("127.0.0.1:%d" % nobody.getsockname()[1])
            self.assertEqual(status, 1)
            self.assertIn("ECONNREFUSED", errors)

    def test_addresses_that_are_none(self):
        for url in ("ftp://example.org/", "https://example.org/", "http://", "example.org:0", "example.org:99999", "a b"):
            status, printed, errors = fetch(url)
            self.assertEqual((status, printed), (1, b"0 of 1\n"), url)
            self.assertRegex(errors, "INVALID_ARGUMENT|UNIMPLEMENTED")


if __name__ == "__main__":
    HTTP_SERVER = os.path.abspath(sys.argv.pop(2))
    FETCH = os.path.abspath(sys.argv.pop(1))
    unittest.main()
