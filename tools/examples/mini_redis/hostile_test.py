"""What mini_redis does with clients that ask for too much, are slow, lie or do not read, and how it ends:
hostile_test.py SERVER [unittest arguments].
"""

import os
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import driving  # noqa: E402
from driving import Client, PATIENCE, Server, assert_kept, commands, encode, processed, until  # noqa: E402


class Limits(unittest.TestCase):
    def test_pipelines_of_any_size(self):
        with Server() as server, Client(server.port) as client:
            client.send(b"".join(encode("SET", "k%d" % i, i) + encode("GET", "k%d" % i) for i in range(20000)))
            for i in range(20000):
                self.assertEqual(client.reply(), b"+OK\r\n")
                self.assertEqual(client.reply(), b"$%d\r\n%d\r\n" % (len(str(i)), i))

    def test_too_large_gets_an_error(self):
        with Server("--max-bulk", "1000", "--max-frame", "3000", "--max-args", "10", "--max-reply", "1500",
                    "--max-subscriptions", "2") as server:
            for data, error in ((b"*1\r\n$1001\r\n", b"invalid bulk length"), (b"*11\r\n", b"invalid multibulk length"),
                                (encode("MSET", *["x" * 900] * 4), b"a command may have 3000 bytes")):
                with Client(server.port) as client:
                    client.send(data)
                    self.assertEqual(client.rest(), b"-ERR Protocol error: %s\r\n" % error)
            for words in (["COMMAND"], ["COMMAND", "DOCS"]):
                with Client(server.port) as client:
                    self.assertEqual(client.call(*words), b"-ERR the reply would have more than 1500 bytes\r\n")
            with Client(server.port) as client:
                client.call("MSET", "a", "x" * 900, "b", "y" * 900)
                self.assertEqual(client.call("MGET", "a", "b"), b"-ERR the reply would have more than 1500 bytes\r\n")
                self.assertEqual(client.call("STRLEN", "a"), b":900\r\n")
                self.assertEqual(client.call("APPEND", "a", "x" * 101),
                                 b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n")
                client.call("SUBSCRIBE", "a")
                client.call("SUBSCRIBE", "b")
                self.assertEqual(client.call("SUBSCRIBE", "c"), b"-ERR a client may subscribe to 2 channels\r\n")

    def test_who_is_refused_hears_of_it_and_no_reset(self):
        with Server("--max-bulk", "1000", "--max-clients", "1") as server:
            with Client(server.port) as honest:
                honest.call("PING")
                server.stop()
                with Client(server.port) as second:
                    second.send(encode("PING"))
                    server.go()
                    self.assertEqual(second.farewell(), b"-ERR max number of clients reached\r\n")
                honest.send(b"*1\r\n$1001\r\n" + b"x" * 100000)
                self.assertEqual(honest.farewell(), b"-ERR Protocol error: invalid bulk length\r\n")

    def test_the_limit_on_open_files_is_raised_or_kept_to(self):
        for files, most in (((64, 4096), 1000), ((70, 70), 6)):
            with Server(files=files) as server:
                clients = [Client(server.port) for _ in range(80)]
                answers = [client.call("PING") for client in clients]
                served = answers.count(b"+PONG\r\n")
                self.assertEqual(served, min(80, most))
                self.assertEqual(answers.count(b"-ERR max number of clients reached\r\n"), 80 - served)
                for client in clients:
                    client.socket.close()

    def test_one_client_too_many(self):
        with Server("--max-clients", "2") as server:
            with Client(server.port) as a, Client(server.port) as b:
                self.assertEqual(a.call("PING") + b.call("PING"), b"+PONG\r\n" * 2)
                with Client(server.port) as c:
                    self.assertEqual(c.rest(), b"-ERR max number of clients reached\r\n")
                self.assertEqual(a.call("PING"), b"+PONG\r\n")

            def admitted():
                with Client(server.port) as d:
                    d.send(encode("PING"))
                    return d.reply() == b"+PONG\r\n"
            until(admitted)

    def test_time_is_up(self):
        with Server("--timeout", "3") as server, Client(server.port) as idle, Client(server.port) as listener:
            listener.call("SUBSCRIBE", "c")  # may be silent
            self.assertEqual(idle.call("PING"), b"+PONG\r\n")
            self.assertEqual(idle.rest(), b"")
            self.assertEqual(listener.call("PING"), b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
        with Server("--frame-timeout", "3") as server, Client(server.port) as half, Client(server.port) as idle:
            half.send(encode("PING") + b"*1\r\n$4\r\nPI")
            self.assertEqual(half.rest(), b"+PONG\r\n")
            self.assertEqual(idle.call("PING"), b"+PONG\r\n")


class Hostile(unittest.TestCase):
    def test_lying_and_slow_clients_harm_nobody(self):
        with Server() as server, Client(server.port) as honest:
            honest.call("SET", "k", "v")
            before = server.resident()
            liars = [Client(server.port) for _ in range(200)]
            for i, liar in enumerate(liars):  # much announced, little sent
                liar.send([b"*1048576\r\n", b"*2\r\n$60000000\r\nx", b"*1000\r\n$0\r\n\r\n", b"GET k"][i % 4])
            drip = Client(server.port)
            for byte in encode("SET", "dripped", "v" * 300):
                drip.send(bytes([byte]))
                self.assertEqual(honest.call("GET", "k"), b"$1\r\nv\r\n")
            self.assertEqual(drip.reply(), b"+OK\r\n")
            assert_kept(self, server.resident() - before, 16 << 20)
            for client in liars + [drip]:
                client.socket.close()
            until(lambda: b"connected_clients:1\r\n" in honest.call("INFO", "clients"))

    def test_replies_nobody_reads_are_bounded(self):
        with Server("--write-timeout", "1") as server, Client(server.port) as honest:
            value = b"v" * 100000
            honest.call("SET", "big", value)
            before = server.resident()
            deaf = [Client(server.port) for _ in range(20)]
            for client in deaf:  # each asks for 200 MB
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.send(encode("GET", "big") * 2000)
            for _ in range(200):
                self.assertEqual(honest.call("GET", "big"), b"$100000\r\n" + value + b"\r\n")
            assert_kept(self, server.resident() - before, 32 << 20)
            until(lambda: b"connected_clients:1\r\n" in honest.call("INFO", "clients"))
            for client in deaf:
                client.socket.close()

    def test_a_greedy_client_leaves_room_for_others(self):
        command = encode("SET", "k", "v")
        for workers in ("0", "1") * 4:  # in what order they are looked at is chance, too
            with Server("--workers", workers) as server, Client(server.port) as honest:
                greedy = [Client(server.port) for _ in range(8)]
                for client in greedy:
                    client.call("PING")
                before = commands(honest)
                server.stop()
                # All are found at once, and the honest one in the middle: some of the others are looked at before it.
                waiting = [client.socket.send(command * 40000) for client in greedy[:4]]
                honest.send(encode("INFO", "stats"))
                waiting += [client.socket.send(command * 40000) for client in greedy[4:]]
                server.go()
                one_read = 64 * 1024 // len(command) + 1
                self.assertGreater(min(waiting), 4 * 2 * one_read * len(command))
                self.assertLess(processed(honest.reply()) - before, 2 * one_read * len(greedy))
                for client in greedy:
                    client.socket.close()

    def test_what_comes_together_is_answered_by_one_write(self):
        for workers in ("0", "2"):
            with Server("--workers", workers) as server, Client(server.port) as client:
                client.call("SET", "k", "v")
                for _ in range(10):
                    before = client.segments()
                    client.send(encode("GET", "k") * 16)
                    self.assertEqual([client.reply() for _ in range(16)], [b"$1\r\nv\r\n"] * 16)
                    self.assertEqual(client.segments() - before, 1)

    def test_connections_leave_nothing_behind(self):
        with Server() as server, Client(server.port) as honest:
            self.assertEqual(honest.call("PING"), b"+PONG\r\n")
            fds, threads = server.fds(), server.threads()
            for i in range(1000):
                client = Client(server.port)
                client.send([b"", encode("SUBSCRIBE", "c"), encode("PING")[:5], encode("PING"), b"*x\r\n"][i % 5])
                if i % 2:
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.socket.close()
            # Some may still be in the backlog while the server knows of nobody else, so wait for both.
            until(lambda: b"connected_clients:1\r\n" in honest.call("INFO", "clients") and server.fds() == fds)
            self.assertEqual(server.threads(), threads)
            self.assertEqual(honest.call("PUBLISH", "c", "x"), b":0\r\n")


class Ending(unittest.TestCase):
    def test_signals_drain(self):
        for number, workers in ((signal.SIGTERM, "0"), (signal.SIGINT, "0"), (signal.SIGTERM, "2")):
            with Server("--workers", workers) as server, Client(server.port) as idle, Client(server.port) as busy, \
                    Client(server.port) as listener:
                idle.call("PING")
                listener.call("SUBSCRIBE", "c")
                busy.call("SET", "big", b"v" * 3000000)
                busy.send(encode("GET", "big"))
                busy._need(1)  # the answer has begun
                server.process.send_signal(number)
                self.assertEqual(idle.rest(), b"")
                self.assertEqual(listener.rest(), b"")
                until(server.refuses)  # who comes now goes elsewhere, though it still serves
                self.assertEqual(len(busy.reply()), 3000000 + 12)
                self.assertEqual(busy.rest(), b"")
                self.assertEqual(server.process.wait(PATIENCE), 0)

    def test_who_does_not_read_delays_the_end_only_so_long(self):
        with Server("--drain-timeout", "1") as server, Client(server.port) as deaf:
            deaf.call("SET", "big", b"v" * 10000000)
            deaf.send(encode("GET", "big"))
            deaf._need(1)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(PATIENCE), 0)

    def test_wrong_options_are_told(self):
        for flags, words in ((["--port", "x"], "a number from 0 to 65535"), (["--nonsense", "1"], "no option --nonsense"),
                             (["--port"], "needs a value"), (["--bind", "999.1.1.1", "--port", "0"], "999.1.1.1")):
            done = subprocess.run([driving.SERVER, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                                  timeout=PATIENCE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    driving.SERVER = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
