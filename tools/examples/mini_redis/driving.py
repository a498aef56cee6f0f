"""A mini_redis of one's own, and clients that speak its protocol byte by byte, for the tests beside it."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time

SERVER = ""      # the program
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

    def refuses(self):
        """Whether nothing listens there any more. A driver may close the fd a little after its owner has gone."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return True
        except OSError:  # the kernel had accepted it, and reset it when the listener was closed
            return False
        return False

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


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.005)


def processed(info):
    return int(info.split(b"total_commands_processed:")[1].split(b"\r\n")[0])


def commands(client):
    """How many the server has run, before this one."""
    return processed(client.call("INFO", "stats"))


def assert_kept(test, grown, most):
    """A server keeps no more memory than that. A sanitizer keeps freed memory on purpose: there it says nothing."""
    if float(os.environ.get("KIOTO_STRESS_SCALE", "1")) >= 1:
        test.assertLess(grown, most)
