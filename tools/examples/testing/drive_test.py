"""Runs the example programs as a user would, with clients that know nothing of Kioto.

    drive_test.py ECHO CHAT FETCH POOL GREP HASH_TREE        the binaries
"""

import http.server
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from running import MINUTE, STALL  # noqa: E402

PROGRAMS = {}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A program that listens; ends with the `with` block, by force if need be."""

    def __init__(self, program):
        # Somebody else may take the port between the look and the bind: then the program ends, and we try another.
        for _ in range(10):
            self.port = free_port()
            self.process = subprocess.Popen([PROGRAMS[program], "127.0.0.1:%d" % self.port], stderr=subprocess.PIPE)
            if self._listens():
                return
            self.process.communicate()
        raise AssertionError("%s does not listen" % program)

    def _listens(self):
        end = time.monotonic() + MINUTE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.connect().close()
                return True
            except ConnectionRefusedError:
                time.sleep(0.02)  # it has not come so far
        return False

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=MINUTE)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)

    def wait(self):
        _, errors = self.process.communicate(timeout=MINUTE)
        return self.process.returncode, STALL.sub("", errors.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def receive(client, size):
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


class EchoTest(unittest.TestCase):
    def test_echoes_to_many_at_once(self):
        with Server("echo") as server:
            clients = [server.connect() for _ in range(64)]
            for round_number in range(10):
                for i, client in enumerate(clients):
                    client.sendall(b"client %02d round %d" % (i, round_number))
                for i, client in enumerate(clients):
                    self.assertEqual(receive(client, 17), b"client %02d round %d" % (i, round_number))
            for client in clients:
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1), b"")
                client.close()

    def test_echoes_more_than_fits_into_its_buffer(self):
        sent = os.urandom(1 << 20)
        with Server("echo") as server, server.connect() as client:
            sender = threading.Thread(target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)))
            sender.start()
            self.assertEqual(receive(client, len(sent)), sent)
            self.assertEqual(client.recv(1), b"")
            sender.join()

    def test_sigterm_lets_connections_finish_and_exits_with_0(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with Server("echo") as server, server.connect() as client:
                client.sendall(b"before")
                self.assertEqual(receive(client, 6), b"before")
                server.end(how)
                client.sendall(b"after")
                self.assertEqual(receive(client, 5), b"after")
                client.close()
                self.assertEqual(server.wait(), (0, ""))
                with self.assertRaises(ConnectionRefusedError):
                    server.connect()

    def test_what_stays_is_cancelled_after_ten_seconds(self):
        with Server("echo") as server, server.connect() as client:
            client.sendall(b"x")
            self.assertEqual(receive(client, 1), b"x")
            start = time.monotonic()
            server.end()
            self.assertEqual(client.recv(1), b"")  # closed by the server, though we said nothing
            self.assertGreater(time.monotonic() - start, 9)
            code, errors = server.wait()
            self.assertEqual(code, 1)
            self.assertIn("DEADLINE_EXCEEDED", errors)

    def test_a_port_in_use_is_said(self):
        with Server("echo") as server:
            other = subprocess.run([PROGRAMS["echo"], "127.0.0.1:%d" % server.port], stderr=subprocess.PIPE, timeout=MINUTE)
            self.assertEqual(other.returncode, 1)
            self.assertIn(b"in use", other.stderr)


class ChatTest(unittest.TestCase):
    def test_what_one_says_all_hear(self):
        with Server("chat") as server:
            clients = [server.connect() for _ in range(5)]
            for i, client in enumerate(clients):  # joined when it hears itself
                client.sendall(b"hello from %d\n" % i)
                self._hear(client, b"hello from %d\n" % i)
            for client in clients:
                client.sendall(b"bye\n")
            clients[0].sendall(b"split ")
            clients[0].sendall(b"line\r\n")
            for client in clients:
                self._hear(client, b"split line\n")
            for client in clients[1:]:
                client.close()
            server.end()
            clients[0].sendall(b"alone\n")
            self._hear(clients[0], b"alone\n")
            clients[0].close()
            self.assertEqual(server.wait()[0], 0)

    def _hear(self, client, line):
        """Reads up to `line`, whatever is said before it."""
        heard = b""
        while not heard.endswith(line):
            byte = client.recv(1)
            self.assertNotEqual(byte, b"", heard)
            heard += byte


class FetchTest(unittest.TestCase):
    def test_fetches_from_a_python_server(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = b"page " + self.path.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                asked.append(self.path)

            def log_message(self, *_):
                pass

        asked = []
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            address = "127.0.0.1:%d" % server.server_address[1]
            urls = ["%s/%d" % (address, i) for i in range(100)]
            urls.insert(50, "127.0.0.1:%d/nobody" % free_port())  # one bad page stops no other
            run = subprocess.run([PROGRAMS["fetch"]] + urls, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=MINUTE)
            server.shutdown()
            thread.join()
        self.assertEqual(run.stdout.splitlines()[-1], b"100 of 101")
        self.assertIn(b"/nobody: UNAVAILABLE: ", run.stderr)
        self.assertEqual(run.returncode, 1)
        self.assertEqual(sorted(asked, key=lambda path: int(path[1:])), ["/%d" % i for i in range(100)])


class PoolTest(unittest.TestCase):
    def test_counts(self):
        words = ["word"] * 500 + ["", "12345"]
        run = subprocess.run([PROGRAMS["pool"]] + words, stdout=subprocess.PIPE, timeout=MINUTE)
        self.assertEqual(run.stdout, b"2005\n")
        self.assertEqual(run.returncode, 0)


def fnv1a(data):
    result = 0xCBF29CE484222325
    for byte in data:
        result = (result ^ byte) * 0x100000001B3 % 2**64
    return result


class TreeTest(unittest.TestCase):
    """The programs that walk a tree: it has empty files, long ones, binary ones, links, and no end of a line here and there."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.root = os.path.join(self.folder.name, "tree")
        self.files = {}
        for i in range(300):
            lines = ["line %d of %d has a needle" % (n, i) if n % 7 == i % 7 else "hay" * n for n in range(i % 40)]
            self._file("%d/%d/%d" % (i % 3, i % 17, i), "\n".join(lines).encode())
        self._file("binary", b"a needle\0and more\n")
        self._file("long", b"x" * 300000 + b"needle\n\nneedle")
        self._file("needle", b"\n\n")
        os.symlink("long", os.path.join(self.root, "link"))
        os.symlink(self.root, os.path.join(self.root, "0", "up"))

    def tearDown(self):
        self.folder.cleanup()

    def _file(self, name, data):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        self.files[path] = data

    def _run(self, *command):
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"},
                             timeout=MINUTE, check=False)
        return run.returncode, sorted(run.stdout.splitlines()), STALL.sub("", run.stderr.decode())

    def test_greps_as_grep_does(self):
        for needle in ["needle", "line 3", "hayhayhay", "nowhere to be seen"]:
            code, lines, errors = self._run("grep", "-rnFI", needle, self.root)
            self.assertEqual(self._run(PROGRAMS["grep"], needle, self.root), (code, lines, errors))
            self.assertEqual(code, 0 if lines else 1)

    def test_grep_says_what_it_can_not_read(self):
        code, lines, errors = self._run(PROGRAMS["grep"], "needle", os.path.join(self.root, "none"))
        self.assertEqual((code, lines), (2, []))
        self.assertIn("No such file or directory (ENOENT)", errors)

    def test_hashes_every_file_once(self):
        code, lines, errors = self._run(PROGRAMS["hash_tree"], self.root)
        self.assertEqual(lines, sorted(b"%016x %s" % (fnv1a(data), path.encode()) for path, data in self.files.items()))
        size = sum(len(data) for data in self.files.values())
        self.assertEqual(errors.splitlines()[-1], "%d files, %d bytes, 0 errors" % (len(self.files), size))
        self.assertEqual(code, 0)

    def test_hash_tree_counts_what_it_can_not_read(self):
        code, lines, errors = self._run(PROGRAMS["hash_tree"], os.path.join(self.root, "none"))
        self.assertEqual((code, lines), (1, []))
        self.assertEqual(errors.splitlines()[-1], "0 files, 0 bytes, 1 errors")


if __name__ == "__main__":
    names = ["echo", "chat", "fetch", "pool", "grep", "hash_tree"]
    PROGRAMS = dict(zip(names, sys.argv[1:]))
    unittest.main(argv=sys.argv[:1])
