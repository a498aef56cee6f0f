"""Drives mini_redis with real clients: clients_test.py SERVER REPLIES [unittest arguments].

REPLIES is a table of commands ("> GET key") and what redis-cli shows for them. Where a redis-server is installed, the same
commands, and thousands of random ones, are sent to it too, and both must answer the same bytes.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import driving  # noqa: E402
from driving import Client, PATIENCE, Server, assert_kept, commands, encode, until  # noqa: E402

REPLIES = ""


class RealServer:
    """A redis-server in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        # Somebody may take the port between the look and the bind.
        assert any(self._listens() for _ in range(10)), "redis-server does not listen"

    def _listens(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"],
                                        cwd=self.folder.name, stdout=subprocess.PIPE, universal_newlines=True)
        with self.process.stdout as log:  # it says little afterwards, and nobody minds
            if any("Ready to accept connections" in line for line in log):
                return True
        self.process.wait()
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def redis_cli(port, commands):
    """What redis-cli shows for each of the commands, which are typed into one connection."""
    mark = "----"
    typed = "".join("%s\nECHO %s\n" % (command, mark) for command in commands)
    shown = subprocess.run(["redis-cli", "--no-raw", "-p", str(port)], input=typed, stdout=subprocess.PIPE,
                           universal_newlines=True, timeout=PATIENCE, check=True).stdout
    return [part.strip("\n") for part in shown.split('"%s"\n' % mark)[:-1]]


def table():
    commands, expected = [], []
    with open(REPLIES) as file:
        for line in file.read().splitlines():
            if line.startswith("> "):
                commands.append(line[2:])
                expected.append([])
            elif not line.startswith("#") and expected:
                expected[-1].append(line)
    return commands, ["\n".join(lines).strip("\n") for lines in expected]


def random_command(rng):
    keys = ["k%d" % i for i in range(6)] + [""]
    values = ["", "a", "7", "-1", "0", "9223372036854775807", "-9223372036854775808", "007", " 1", "x" * 70, "\r\n", "1.5"]
    words = values + keys + ["EX", "px", "NX", "xx", "GET", "KEEPTTL", "100", "-100", "99999999999999999", "GT", "lt", "foo"]
    key, value, word = (lambda: rng.choice(keys)), (lambda: rng.choice(values)), (lambda: rng.choice(words))
    shapes = [
        lambda: ["SET", key(), value()],
        lambda: ["set", key(), value()] + [word() for _ in range(rng.randrange(4))],
        lambda: ["SET", key(), value(), rng.choice(["EX", "PX", "ex"]), rng.choice(["100", "200000", "0", "-1", "a", "9" * 18])],
        lambda: ["GET", key()], lambda: ["GETSET", key(), value()], lambda: ["SETNX", key(), value()],
        lambda: ["MGET"] + [key() for _ in range(rng.randrange(4))],
        lambda: ["MSET"] + [word() for _ in range(rng.randrange(7))],
        lambda: ["DEL"] + [key() for _ in range(rng.randrange(3))],
        lambda: ["EXISTS"] + [key() for _ in range(rng.randrange(4))],
        lambda: [rng.choice(["INCR", "DECR"]), key()],
        lambda: [rng.choice(["INCRBY", "DECRBY"]), key(), word()],
        lambda: ["APPEND", key(), value()], lambda: ["STRLEN", key()], lambda: ["TYPE", key()],
        lambda: ["EXPIRE", key(), rng.choice(["1000", "-1", "0", "a", "99999999999999999999", "9" * 18])] +
                [word() for _ in range(rng.randrange(3) // 2)],
        lambda: ["PEXPIRE", key(), rng.choice(["1000000", "-1", "0", "9223372036854775807"]),
                 *rng.sample(["NX", "XX", "GT", "LT"], rng.randrange(3))],
        lambda: ["PERSIST", key()], lambda: ["DBSIZE"], lambda: ["ECHO", word()], lambda: ["PING"], lambda: ["PING", word()],
        lambda: ["SELECT", rng.choice(["0", "1", "0", "16", "-1", "a"])],
        lambda: ["PUBLISH", "nobody", word()], lambda: ["FLUSHALL"] + [word() for _ in range(rng.randrange(2))],
        lambda: [word() or "x"] + [word() for _ in range(rng.randrange(4))],
        lambda: [rng.choice(["GET", "SET", "INCR", "TTL", "CONFIG", "CLIENT", "KEYS", "PING", "ECHO"])] +
                [word() for _ in range(rng.randrange(5))],
    ]
    command = rng.choice(shapes)()
    # These answer in no particular order, with ids, or only in one of the two.
    lonely = command[0].upper() in ("CONFIG", "CLIENT", "KEYS") and len(command) > 1
    return ["PING"] if lonely or command[0].upper() in ("GT", "LT", "FLUSHALL") and rng.random() < 0.9 else command


class Replies(unittest.TestCase):
    maxDiff = None

    def test_redis_cli_shows_what_the_table_says(self):
        commands, expected = table()
        self.assertGreater(len(commands), 100)
        with Server() as server:
            for command, shown, wanted in zip(commands, redis_cli(server.port, commands), expected):
                self.assertEqual(shown, wanted, command)

    @unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server")
    def test_the_table_is_what_redis_says(self):
        commands, expected = table()
        with RealServer() as real:
            for command, shown, wanted in zip(commands, redis_cli(real.port, commands), expected):
                self.assertEqual(shown, wanted, command)

    @unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server")
    def test_random_commands_get_the_same_bytes_as_from_redis(self):
        rng = random.Random(2026)
        with Server() as server, RealServer() as real, Client(server.port) as ours, Client(real.port) as theirs:
            for _ in range(100):
                commands = [random_command(rng) for _ in range(100)]
                batch = b"".join(encode(*command) for command in commands)
                ours.send(batch)
                theirs.send(batch)
                for command in commands:
                    self.assertEqual(ours.reply(), theirs.reply(), command)

    @unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server")
    def test_broken_protocol_gets_the_same_error_and_the_door(self):
        with Server() as server, RealServer() as real:
            for data in (b"*1\r\nfoo\r\n", b"*a\r\n", b"*99999999999\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$a\r\n",
                         b"*1\r\n$99999999999\r\n", b"set 'a\r\n", b"get \"a\"b\r\n", b"*" + b"1" * 70000, b"x" * 70000,
                         b"*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n", b"PING\r\nQUIT\r\nPING\r\n", b"\r\n*0\r\n*-5\r\nquit\r\n"):
                with Client(server.port) as ours, Client(real.port) as theirs:
                    ours.send(data)
                    theirs.send(data)
                    self.assertEqual(ours.rest(), theirs.rest(), data[:50])

    def test_redis_benchmark(self):
        for workers in ("0", "2"):
            with Server("--workers", workers) as server:
                for pipeline in ("1", "16"):
                    done = subprocess.run(
                        ["redis-benchmark", "-p", str(server.port), "-t", "ping,set,get,incr,mset", "-c", "64", "-n", "5000",
                         "-r", "1000", "-d", "32", "-P", pipeline, "--csv"],
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.assertNotIn("rror", done.stdout)
                    self.assertEqual(len([line for line in done.stdout.splitlines() if line.startswith('"')]), 7, done.stdout)


class PubSub(unittest.TestCase):
    def test_messages_cross_connections(self):
        for workers in ("0", "2"):
            with Server("--workers", workers) as server, Client(server.port) as a, Client(server.port) as b, \
                    Client(server.port) as speaker:
                self.assertEqual(a.call("SUBSCRIBE", "news", "sport", "news"), b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
                self.assertEqual(a.reply(), b"*3\r\n$9\r\nsubscribe\r\n$5\r\nsport\r\n:2\r\n")
                self.assertEqual(a.reply(), b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:2\r\n")
                b.call("SUBSCRIBE", "news")
                self.assertEqual(speaker.call("PUBLISH", "news", "a\r\nb"), b":2\r\n")
                self.assertEqual(speaker.call("PUBLISH", "sport", "goal"), b":1\r\n")
                self.assertEqual(speaker.call("PUBLISH", "weather", "rain"), b":0\r\n")
                for listener in (a, b):
                    self.assertEqual(listener.reply(), b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$4\r\na\r\nb\r\n")
                self.assertEqual(a.reply(), b"*3\r\n$7\r\nmessage\r\n$5\r\nsport\r\n$4\r\ngoal\r\n")
                # What may be said meanwhile.
                self.assertEqual(a.call("PING"), b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
                self.assertEqual(a.call("GET", "k"), b"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / "
                                                     b"PING / QUIT / RESET are allowed in this context\r\n")
                self.assertEqual(a.call("UNSUBSCRIBE", "sport"), b"*3\r\n$11\r\nunsubscribe\r\n$5\r\nsport\r\n:1\r\n")
                self.assertEqual(a.call("UNSUBSCRIBE"), b"*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n")
                self.assertEqual(a.call("GET", "k"), b"$-1\r\n")
                self.assertEqual(speaker.call("PUBLISH", "news", "x"), b":1\r\n")
                b.socket.close()
                until(lambda: speaker.call("PUBLISH", "news", "x") == b":0\r\n")

    def test_what_was_published_before_an_unsubscribe_stands_before_it(self):
        left = b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"
        for workers in ("0", "1"):  # with more of them the two overlap
            with Server("--workers", workers) as server, Client(server.port) as listener, Client(server.port) as speaker:
                listener.call("SUBSCRIBE", "c")
                speaker.call("PING")
                for words in (["UNSUBSCRIBE", "c"], ["UNSUBSCRIBE"]):
                    server.stop()
                    speaker.send(encode("PUBLISH", "c", "hi"))
                    listener.send(encode(*words) + encode("ECHO", "reply"))
                    server.go()
                    heard = [listener.reply()]
                    if speaker.reply() == b":1\r\n":  # else the listener was the first
                        self.assertEqual(heard, [encode("message", "c", "hi")])
                        heard = [listener.reply()]
                    self.assertEqual(heard, [left])
                    self.assertEqual(listener.reply(), b"$5\r\nreply\r\n")
                    listener.call("SUBSCRIBE", "c")

    def test_messages_keep_their_order_across_workers(self):
        with Server("--workers", "2") as server, Client(server.port) as listener, Client(server.port) as speaker:
            listener.call("SUBSCRIBE", "n")
            speaker.send(b"".join(encode("PUBLISH", "n", i) for i in range(5000)))
            for i in range(5000):
                self.assertTrue(listener.reply().endswith(b"\r\n%d\r\n" % i))
                self.assertEqual(speaker.reply(), b":1\r\n")

    def test_a_subscriber_that_does_not_read_is_cut(self):
        with Server("--max-backlog", "100000") as server, Client(server.port) as deaf, Client(server.port) as fine, \
                Client(server.port) as speaker:
            deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.call("SUBSCRIBE", "c")
            fine.call("SUBSCRIBE", "c")
            before, message, sent = server.resident(), b"m" * 10000, 0
            while speaker.call("PUBLISH", "c", message) == b":2\r\n":
                sent += 1
                self.assertTrue(fine.reply().endswith(message + b"\r\n"))
                self.assertLess(sent, 10000, "it was never cut")
            assert_kept(self, server.resident() - before, 16 << 20)
            self.assertIn(b"client_output_buffer_limit_disconnections:1\r\n", speaker.call("INFO", "stats"))
            self.assertTrue(fine.reply().endswith(message + b"\r\n"))

    def test_a_subscriber_hears_why_it_is_cut(self):
        with Server("--max-backlog", "1024") as server, Client(server.port) as slow, Client(server.port) as speaker:
            slow.call("SUBSCRIBE", "c")
            # More in one go than may wait, while the subscriber has all room to read.
            speaker.send(encode("PUBLISH", "c", b"m" * 400) * 1000)
            heard = b""
            while True:
                more = slow.socket.recv(65536)
                if not more:
                    break
                heard += more
            self.assertTrue(heard.endswith(b"-ERR more than 1024 bytes wait for this client\r\n"), heard[-200:])


class Expiry(unittest.TestCase):
    def test_keys_go_by_themselves(self):
        with Server() as server, Client(server.port) as client:
            began = time.monotonic()
            for i in range(300):
                client.call("SET", "k%d" % i, "v", "PX", 200)
            client.call("SET", "stays", "v")
            size = client.call("DBSIZE")
            if time.monotonic() - began < 0.2:
                self.assertEqual(size, b":301\r\n")
            until(lambda: client.call("DBSIZE") == b":1\r\n")
            self.assertGreater(time.monotonic() - began, 0.2)
            self.assertEqual(client.call("GET", "k0"), b"$-1\r\n")
            self.assertEqual(client.call("TTL", "stays"), b":-1\r\n")
            self.assertEqual(client.call("PEXPIRE", "stays", 1), b":1\r\n")
            until(lambda: client.call("EXISTS", "stays") == b":0\r\n")

    def test_keys_by_pattern(self):
        with Server() as server, Client(server.port) as client:
            client.call("MSET", "a1", 1, "a2", 2, "b1", 3)
            client.send(encode("KEYS", "a*"))
            self.assertEqual(sorted(client.reply().split(b"\r\n")[2:-1:2]), [b"a1", b"a2"])


if __name__ == "__main__":
    driving.SERVER, REPLIES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
