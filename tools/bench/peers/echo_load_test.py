"""The load drives the bare epoll server, and does not believe servers that lie, close or are not there.

Usage: echo_load_test.py ECHO_LOAD RAW_BENCH
"""

import os
import socket
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from compare_lib import figures, gates, systems  # noqa: E402

RAW_BENCH = os.path.abspath(sys.argv.pop())
ECHO_LOAD = os.path.abspath(sys.argv.pop())


def load(address, connections="4", seconds="0.1", *more):
    return subprocess.run([ECHO_LOAD, address, connections, seconds, *more], capture_output=True, text=True,
                          timeout=30, check=False)


class Server:
    """Gives what `answer` makes of each read; ends a connection when it makes nothing."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.serve, args=(conn,)))
            self.threads[-1].start()

    def serve(self, conn):
        with conn:
            try:
                while True:
                    read = conn.recv(65536)
                    answer = self.answer(read) if read else b""
                    if not answer:
                        return
                    conn.sendall(answer)
            except OSError:
                return

    def __enter__(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


class EchoLoadTest(unittest.TestCase):
    def test_drives_the_bare_server(self):
        systems.SERVE_SECONDS = 0.1
        row = next(row for row in gates.load() if row.name == "serve_echo")
        figure = systems.run({"raw": RAW_BENCH, "echo_load": ECHO_LOAD}, "raw", row, 0)
        self.assertTrue(100 < figure < 1e7, figure)

    def test_counts_exchanges(self):
        served = []
        with Server(lambda read: served.append(len(read)) or read) as address:
            ended = load(address, "3", "1", "100")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        connections, exchanges, seconds, rate = ended.stdout.split()
        self.assertEqual(connections, "3")
        self.assertGreater(int(exchanges), 0)
        self.assertLessEqual(int(exchanges), sum(served) // 100)  # those of the warm-up are not counted
        self.assertGreaterEqual(float(seconds), 1)
        self.assertAlmostEqual(float(rate), int(exchanges) / float(seconds), delta=float(rate) * 0.01)
        self.assertGreater(figures.parse_load(ended.stdout), 0)

    def test_reply_in_pieces(self):
        with Server(lambda read: read) as address:
            ended = load(address, "2", "0.1", "50000")
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_a_lie_ends_it(self):
        with Server(lambda read: read[:-1] + b"?") as address:
            ended = load(address)
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("other bytes", ended.stderr)

    def test_a_close_ends_it(self):
        with Server(lambda read: b"") as address:
            ended = load(address)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("echo_load: ", ended.stderr)

    def test_no_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            ended = load("127.0.0.1:%d" % unused.getsockname()[1])
        self.assertEqual(ended.returncode, 1)
        self.assertIn("cannot connect", ended.stderr)

    def test_usage(self):
        for arguments in (("127.0.0.1:1", "0"), ("127.0.0.1:1", "1", "0"), ("127.0.0.1:1", "1", "1", "0")):
            self.assertEqual(load(*arguments).returncode, 2)
        self.assertEqual(load("nonsense", "1", "1").returncode, 1)


if __name__ == "__main__":
    unittest.main()
