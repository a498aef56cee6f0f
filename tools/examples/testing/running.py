"""Runs a server of the examples, which says on standard error `NAME: listening on ADDRESS`."""

import glob
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

STALL = re.compile(r"kioto: worker [0-9]+ has been inside one poll [^\n]*\n( +[^\n]*\n)*\n?")
MINUTE = 60  # for an event that must come: a loaded machine is slow


def until(condition, what="the condition"):
    end = time.monotonic() + MINUTE
    while not condition():
        assert time.monotonic() < end, "waited in vain for " + what
        time.sleep(0.01)


def receive_all(client):
    """What comes until the other side ends."""
    pieces = []
    while True:
        piece = client.recv(1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def receive(client, size):
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        assert piece, "the end, after %r" % data
        data += piece
    return data


class Server:
    """Ends with the `with` block, by SIGTERM, with status 0; or as the test ends it. `files`: its limits on open files, soft and
    hard."""

    def __init__(self, *command, files=None):
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)) if files else None
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, universal_newlines=True, preexec_fn=limit)
        self.lines = []
        first = self.process.stderr.readline()
        assert ": listening on " in first, first + self.process.stderr.read()
        self.host, _, port = first.rsplit(" ", 1)[1].strip().rpartition(":")
        self.port = int(port)
        self.address = "%s:%d" % (self.host, self.port)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        until(self._catches_sigterm, "its handler of signals")

    def _catches_sigterm(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            caught = next(line for line in file if line.startswith("SigCgt:"))
        return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def log(self):
        """What it has said, without reports of polls that a slow machine has held up."""
        return STALL.sub("", "".join(self.lines))

    def await_log(self, text):
        until(lambda: text in self.log(), "%r in %r" % (text, self.log()))

    def most_files(self):
        """The soft limit on open files."""
        with open("/proc/%d/limits" % self.process.pid) as limits:
            return int(next(line for line in limits if line.startswith("Max open files")).split()[3])

    def files(self):
        """What its descriptors are: socket, pipe, ..."""
        folder, kinds = "/proc/%d/fd" % self.process.pid, []
        for name in os.listdir(folder):
            try:
                kinds.append(os.readlink(os.path.join(folder, name)).partition(":")[0])
            except FileNotFoundError:  # closed since
                pass
        return kinds

    def connect(self):
        client = socket.create_connection((self.host, self.port), timeout=MINUTE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def refuses(self):
        """Whether nothing listens there any more. A driver may close the fd a little after its owner has gone."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        except OSError:  # the kernel had accepted it, and reset it when the listener was closed
            return False
        return False

    def connections(self):
        """Those that the program has accepted and not closed: {the client's port: bytes that wait to be read}."""
        with open("/proc/net/tcp") as table:
            lines = [line.split() for line in table.read().splitlines()[1:]]
        return {int(line[2][-4:], 16): int(line[4].split(":")[1], 16) for line in lines
                if line[1].endswith(":%04X" % self.port) and line[2][-4:] != "0000" and line[9] != "0"}

    def terminate(self, how=signal.SIGTERM):
        self.process.send_signal(how)

    def stopped(self):
        """Whether SIGSTOP has reached each of its threads."""
        states = []
        for stat in glob.glob("/proc/%d/task/*/stat" % self.process.pid):
            with open(stat) as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        return set(states) == {"T"}

    def wait(self):
        """The status, when it has ended by itself."""
        status = self.process.wait(MINUTE)
        self.reader.join(MINUTE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process.poll() is None:
                self.terminate()
            status = self.process.wait(MINUTE)
        finally:
            self.process.kill()
            self.reader.join(MINUTE)
            self.process.stderr.close()
        if kind is None:
            assert status == 0, "status %d: %s" % (status, self.log())
