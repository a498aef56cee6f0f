"""Runs gdb on a program that stops with tasks in every state, and on its core: kioto_test.py KIOTO.PY PROGRAM"""

import os
import re
import subprocess
import sys

TORN = """python
import gdb
victim = next(t for s in _schedulers(print) if s.cls == 'WorkStealingCore' for t in s.tasks(print))
next_ = int(victim.header['owned_next'].address)
gdb.execute('set {unsigned long}0x%x = %s' % (next_, os.environ['TORN_BY'].replace('ITSELF', hex(victim.address))))
end
"""


def gdb(script, *commands, program, core=None, **environment):
    """What gdb says. Fails if Python does inside it."""
    arguments = ["gdb", "--batch", "-nx", "-iex", "set debuginfod enabled off", "-ex", "set disable-randomization off",
                 "-ex", "source " + script, "-ex", "python import os"]
    for command in commands:
        arguments += ["-ex", command] if "\n" not in command else ["-x", _file(command)]
    ended = subprocess.run(arguments + [program] + ([core] if core else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=120, check=False, env={**os.environ, **environment})
    assert "Traceback" not in ended.stdout and "Python Exception" not in ended.stdout, ended.stdout
    return ended.stdout


def _file(text):
    path = os.path.join(os.environ["TEST_TMPDIR"], "commands.gdb")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def check_tasks(said, live):
    """`kioto tasks`. Returns the address of a waiting task."""
    lines = {match.group(1): line for line in said.splitlines() if (match := re.search(r'  "(.*?)"(  \(bound.*)?$', line))}
    for name in ('waits "for" ever', "second", "third"):
        assert re.search(r"^ +\d+  0x[0-9a-f]+  idle +\S*stopped_program.cc:\d+  ", lines[name]), lines
    assert "queued" in lines["nobody polls it"], lines
    assert "running" in lines["holds its worker"] and "running" in lines["stopped"], lines
    assert "idle" in lines["of the set"] and "bound to" in lines["of the set"], lines
    if live:
        assert 'running on thread' in lines["stopped"] and "bound to thread 1 " in lines["of the set"], lines
    assert re.search(r"running.*spawn_blocking|running.*stopped_program", said), "the blocking job"
    assert said.count("current-thread runtime") == 2 and said.count("work-stealing runtime") == 2, said
    assert said.count("LocalSet") == 1 and said.count("blocking pool") == 4, said
    assert re.search(r"^8 live tasks$", said, re.M), said
    return re.search(r"0x[0-9a-f]+", lines["second"]).group(0)


def check_workers(said):
    assert re.search(r"worker \d  polls task \d+, spawned at \S*stopped_program.cc:\d+  0 queued, .* polls  \(thread \d", said), said
    assert re.search(r"worker 0  (parked|searching|between two polls) .*thread \d", said), said
    assert "1 threads, 1 of them run jobs" in said, said
    assert re.search(r"nobody drives it  0 queued, 1 injected", said), said
    assert "kioto:" not in said, said


def check_task(said, address):
    assert re.search(r'task \d+ "second", spawned at \S*stopped_program.cc:\d+', said), said
    assert "address     %s" % address in said and re.search(r"state +idle", said), said
    assert re.search(r"references +\d+, of which \d+ are spare", said) and "work-stealing runtime" in said, said
    assert "has a JoinHandle" not in said, said
    assert re.search("future +kioto::internal::Chain<.*LazyFuture", said), said


def main(script, program):
    core = os.path.join(os.environ["TEST_TMPDIR"], "core")
    start = ("break StoppedHere", "run")
    said = gdb(script, *start, "kioto tasks", "gcore " + core, program=program)
    address = check_tasks(said, live=True)
    check_workers(gdb(script, *start, "kioto workers", program=program))

    said = gdb(script, "kioto tasks", program=program, core=core)
    assert check_tasks(said, live=False) == address
    check_workers(gdb(script, "kioto workers", program=program, core=core))
    check_task(gdb(script, "kioto task " + address, program=program, core=core), address)
    number = re.search(r"^ +(\d+)  %s" % address, said, re.M).group(1)
    check_task(gdb(script, "kioto task " + number, program=program, core=core), address)
    said = gdb(script, "kioto task 0x10", "kioto task", "kioto task no_such_name", program=program, core=core)
    assert "no live task" in said and "needs the address" in said and "no_such_name" in said, said

    for by, sentence in [("0x10", "Cannot access memory"), ("ITSELF", "leads back"), ("(unsigned long)&main", "")]:
        said = gdb(script, *start, TORN, "kioto tasks", "kioto workers", program=program, TORN_BY=by)
        assert re.search("torn after 1 tasks: .*" + sentence, said), said
        assert '"of the set"' in said and '"nobody polls it"' in said, "the rest goes on: " + said

    said = gdb(script, "kioto tasks", program=program)
    assert "no process and no core file" in said, said
    said = gdb(script, "break main", "run", "kioto tasks", "kioto workers", program="/bin/true")
    assert "no process" in said or "no symbols of kioto::internal" in said, said
    print("all that gdb was asked, it knew")


if __name__ == "__main__":
    main(*sys.argv[1:])
