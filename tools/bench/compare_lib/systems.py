"""Building the systems and running one row on one of them."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from compare_lib import figures, gates

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(BENCH))
RUN_SECONDS = 120  # a run that takes longer has failed
SERVE_CONNECTIONS, SERVE_SECONDS = 64, 2
ROWS_IN_MEMORY = {"fs_read_large", "fs_read_small", "fs_walk"}
MEMORY_FOLDER, MEMORY_BYTES = "/dev/shm", 128 << 20


class NoSuchRow(Exception):
    """The program does not have the row."""


class Failed(Exception):
    """The program has the row and did not bring it to an end."""


def build(systems, bazel, kioto):
    """The path of each system's program, None for one that cannot be built, and of the load."""
    peers = [system for system in systems if system != "kioto"]
    setup = [os.path.join(BENCH, "setup_peers"), *peers, "echo_load"]
    folder = subprocess.run(setup, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    programs = {system: os.path.join(folder, system + "_bench") for system in peers}
    programs["echo_load"] = os.path.join(folder, "echo_load")
    if "kioto" in systems:
        programs["kioto"] = kioto or _build_kioto(bazel)
    return programs


def _build_kioto(bazel):
    options = ["-c", "opt"]
    built = subprocess.run([*bazel, "build", *options, "//tools/bench:kioto_bench"], cwd=ROOT, stdout=sys.stderr)
    if built.returncode != 0:
        print("compare: kioto_bench cannot be built: every row of it counts as behind", file=sys.stderr)
        return None
    info = subprocess.run([*bazel, "info", *options, "bazel-bin"], cwd=ROOT, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return os.path.join(info.stdout.strip(), "tools/bench/kioto_bench")


def raise_file_limit():
    """idle_conns holds 16,000 descriptors."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(programs, system, row, threads):
    """One run: its figure. Raises NoSuchRow or Failed."""
    program = programs.get(system)
    if program is None:
        raise Failed("is not built")
    try:
        if row.measure == "served":
            return _run_served(programs, program, row, threads)
        output = _output([program, row.name, str(threads)], _environment(row))
        return figures.parse_line(output, row, threads)
    except figures.BadLine as problem:
        raise Failed(str(problem)) from None


def _environment(row):
    """The files of most rows lie in memory, where the system has such a folder."""
    if row.name in ROWS_IN_MEMORY and os.access(MEMORY_FOLDER, os.W_OK):
        system = os.statvfs(MEMORY_FOLDER)
        if system.f_bavail * system.f_frsize >= MEMORY_BYTES:
            return {**os.environ, "TMPDIR": MEMORY_FOLDER}
    return None


def _output(command, environment=None):
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise Failed(f"took longer than {RUN_SECONDS} s") from None
    except OSError as problem:
        raise Failed(str(problem)) from None
    if ended.returncode != 0:
        _complain(ended.stderr, ended.returncode)
    return ended.stdout


def _complain(stderr, status):
    if stderr.startswith("usage:"):
        raise NoSuchRow
    raise Failed(f"ended with status {status}: {stderr.strip()[-200:]}")


def _run_served(programs, program, row, threads):
    """The server on one core, the load on another."""
    cores = sorted(os.sched_getaffinity(0))
    with server(["taskset", "-c", str(cores[0]), program, row.name, str(threads)]) as address:
        beside = ["taskset", "-c", str(cores[-1])]
        if row.name == "serve_http":
            _check_reply(address)
            return figures.parse_wrk(_output([*beside, programs.get("wrk", "wrk"), "-t1", f"-c{SERVE_CONNECTIONS}",
                                              f"-d{SERVE_SECONDS}s", f"http://{address}/"]))
        return figures.parse_load(_output([*beside, programs["echo_load"], address, str(SERVE_CONNECTIONS), str(SERVE_SECONDS)]))


def _check_reply(address):
    """wrk looks at the status of a reply and at nothing else."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever the environment says
        with opener.open(f"http://{address}/", timeout=10) as reply:
            body = reply.read()
    except (OSError, urllib.error.URLError) as problem:
        raise Failed(f"no reply: {problem}") from None
    if body != b"Hello, World!":
        raise Failed(f"the reply was {body[:80]!r}")


@contextlib.contextmanager
def server(command):
    """Runs a server, whose last argument shall be its address; gives that once it listens."""
    address = f"127.0.0.1:{_free_port()}"
    with subprocess.Popen([*command, address], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _await_server(process, address)
            yield address
        finally:
            process.kill()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_server(process, address):
    host, port = address.split(":")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            _complain(process.stderr.read(), process.returncode)
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise Failed("the server does not listen")


def systems_named(text):
    names = text.split(",")
    unknown = [name for name in names if name not in gates.SYSTEMS]
    if unknown:
        raise ValueError(f"no system is called {', '.join(unknown)}; known: {', '.join(gates.SYSTEMS)}")
    return [name for name in gates.SYSTEMS if name in names]
