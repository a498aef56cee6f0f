"""Drives the supervisor with shells as its children: supervisor_test.py PROGRAM"""

import os
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
MINUTE = 60


class Supervisor:
    """The program over a shell that runs `script`; ends with the `with` block, by force if need be."""

    def __init__(self, script):
        self.process = subprocess.Popen([PROGRAM, "/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def line(self):
        return self.process.stdout.readline()

    def send(self, how):
        self.process.send_signal(how)

    def wait(self):
        out, errors = self.process.communicate(timeout=MINUTE)
        return self.process.returncode, out, errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class SupervisorTest(unittest.TestCase):
    def test_restarts_what_fails_until_it_ends_well(self):
        with tempfile.TemporaryDirectory() as folder:
            count = os.path.join(folder, "count")
            script = 'echo x >>%s; echo run; [ $(wc -l <%s) = 3 ] && exit 0; [ $(wc -l <%s) = 2 ] && kill -9 $$; exit 5'
            with Supervisor(script % (count, count, count)) as supervisor:
                code, out, errors = supervisor.wait()
        self.assertEqual(code, 0)
        self.assertEqual(out, "run\n" * 3)
        self.assertEqual(errors, "supervisor: it ended: exit code 5\nsupervisor: it ended: signal 9 (Killed)\n"
                                 "supervisor: it ended: exit code 0\n")

    def test_passes_signals_on_and_drains_on_term(self):
        script = ('trap "echo hup" HUP; trap "echo usr1" USR1; trap "echo draining; sleep 0.1; echo drained; exit 3" TERM; '
                  'echo up; while :; do sleep 0.01; done')
        for how in (signal.SIGTERM, signal.SIGINT):
            with Supervisor(script) as supervisor:
                self.assertEqual(supervisor.line(), "up\n")
                for passed, said in ((signal.SIGHUP, "hup\n"), (signal.SIGUSR1, "usr1\n"), (signal.SIGHUP, "hup\n")):
                    supervisor.send(passed)
                    self.assertEqual(supervisor.line(), said)
                supervisor.send(how)
                self.assertEqual(supervisor.wait(), (0, "draining\ndrained\n", ""))

    def test_ends_while_it_waits_to_restart(self):
        with Supervisor("echo run; exit 1") as supervisor:
            for _ in range(4):  # the waits have grown
                self.assertEqual(supervisor.line(), "run\n")
            supervisor.send(signal.SIGTERM)
            self.assertEqual(supervisor.wait()[0], 0)

    def test_a_signal_between_two_runs_hits_neither(self):
        with Supervisor("echo run; exit 1") as supervisor:
            for _ in range(4):  # the waits have grown: the signal comes within one
                self.assertEqual(supervisor.line(), "run\n")
                self.assertEqual(supervisor.process.stderr.readline(), "supervisor: it ended: exit code 1\n")
            supervisor.send(signal.SIGHUP)
            self.assertEqual(supervisor.line(), "run\n")
            self.assertEqual(supervisor.process.stderr.readline(), "supervisor: it ended: exit code 1\n")
            supervisor.send(signal.SIGTERM)
            self.assertEqual(supervisor.wait()[0], 0)

    def test_a_child_that_does_not_listen_is_killed(self):
        with Supervisor('trap "" TERM; echo $$; while :; do sleep 0.01; done') as supervisor:
            child = int(supervisor.line())
            supervisor.send(signal.SIGTERM)
            self.assertEqual(supervisor.wait()[0], 0)
            with self.assertRaises(ProcessLookupError):
                os.kill(child, 0)

    def test_a_program_that_is_not_there_is_said(self):
        run = subprocess.run([PROGRAM, "/nonexistent/program"], stderr=subprocess.PIPE, text=True, timeout=MINUTE)
        self.assertEqual(run.returncode, 1)
        self.assertIn("/nonexistent/program", run.stderr)
        self.assertIn("ENOENT", run.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    unittest.main(argv=sys.argv[:1])
