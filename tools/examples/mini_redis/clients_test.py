"""Drives mini_redis with real clients: clients_test.py SERVER REPLIES [unittest arguments].

REPLIES is a table of commands ("> GET key") and what redis-cli shows for them. Where a redis-server is installed, the same
commands, and thousands of random ones, are sent to it too, and both must answer the same bytes.
"""

import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SERVER, REPLIES = "", ""
PATIENCE = 60.0  # for an event that must come; a loaded machine is slow


def encode(*args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        arg = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Client:
    """A plain socket. Replies are given as the bytes that came."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _need(self, size):
        while len(self.data) < size:
            more = self.socket.recv(1 << 20)
            if not more:
                raise EOFError("the server closed the connection")
            self.data += more

    def _take(self, size):
        self._need(size)
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def _line(self):
        while b"\r\n" not in self.data:
            self._need(len(self.data) + 1)
        return self._take(self.data.index(b"\r\n") + 2)

    def reply(self):
        line = self._line()
        size = int(line[1:]) if line[:1] in b"$*" else 0
        if line[:1] == b"$" and size >= 0:
            return line + self._take(size + 2)
        if line[:1] == b"*":
            return line + b"".join(self.reply() for _ in range(size))
        return line

    def call(self, *args):
        self.send(encode(*args))
        return self.reply()

    def rest(self):
        """What comes until the server closes."""
        try:
            return self.farewell()
        except ConnectionResetError:
            return self.data

    def farewell(self):
        """The same, of a server that ends what it says: not by a reset."""
        try:
            while True:
                self._need(len(self.data) + 1)
        except EOFError:
            return self.data

    def segments(self):
        """How many pieces with data have come: one a write, if it is small and the server sends without delay."""
        data_segs_in = slice(152, 156)  # of struct tcp_info
        return int.from_bytes(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)[data_segs_in], sys.byteorder)


class Server:
    def __init__(self, *flags, files=None):
        """`files`: its limits on open files, the soft one and the hard one."""
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)) if files else None
        self.process = subprocess.Popen([SERVER, "--port", "0", *flags], stdout=subprocess.PIPE, universal_newlines=True,
                                        preexec_fn=limit)
        line = self.process.stdout.readline()
        assert line.startswith("mini_redis: listening on 127.0.0.1:"), line
        self.port = int(line.rsplit(":", 1)[1])
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stdout.close()
        if kind is None:
            assert status == 0, "exit status %d" % status

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def stop(self):
        """What is sent from now on is found at once by go()."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def go(self):
        self.process.send_signal(signal.SIGCONT)

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.pid))

    def resident(self):
        with open("/proc/%d/statm" % self.pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.005)


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


def processed(info):
    return int(info.split(b"total_commands_processed:")[1].split(b"\r\n")[0])


def commands(client):
    """How many the server has run, before this one."""
    return processed(client.call("INFO", "stats"))


def assert_kept(test, grown, most):
    """A server keeps no more memory than that. A sanitizer keeps freed memory on purpose: there it says nothing."""
    if float(os.environ.get("KIOTO_STRESS_SCALE", "1")) >= 1:
        test.assertLess(grown, most)


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


class Expiry(unittest.TestCase):
    def test_keys_go_by_themselves(self):
        with Server() as server, Client(server.port) as client:
            began = time.monotonic()
            for i in range(300):
                client.call("SET", "k%d" % i, "v", "PX", 200)
            client.call("SET", "stays", "v")
            if time.monotonic() - began < 0.2:
                self.assertEqual(client.call("DBSIZE"), b":301\r\n")
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
        with Server("--timeout", "1") as server, Client(server.port) as idle, Client(server.port) as listener:
            listener.call("SUBSCRIBE", "c")  # may be silent
            self.assertEqual(idle.call("PING"), b"+PONG\r\n")
            self.assertEqual(idle.rest(), b"")
            self.assertEqual(listener.call("PING"), b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
        with Server("--frame-timeout", "1") as server, Client(server.port) as half, Client(server.port) as idle:
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
                with self.assertRaises(ConnectionRefusedError):  # who comes now goes elsewhere, though it still serves
                    Client(server.port)
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
            done = subprocess.run([SERVER, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                                  timeout=PATIENCE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    SERVER, REPLIES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
