"""Tests of tools/demo --load, where servers, clients and load are scripts made here, which say what each test wants."""

import os
import subprocess
import sys
import tempfile
import unittest

DEMO = os.path.abspath(sys.argv.pop(1))

# Either server: takes 8 MB when it is told that keys have come, and waits for its end.
SERVER = """
import os, signal, sys
if sys.argv[1:] == ["--version"]:
    print("Redis server v=0")
    sys.exit()
def load(*_):
    global keys
    keys = b"x" * (8 << 20)
    open(here + "/loaded", "w").close()
signal.signal(signal.SIGUSR1, load)
here = os.environ["FAKE"]
with open(here + "/pids", "a") as file:
    file.write("%d\\n" % os.getpid())
print("listening on 127.0.0.1:1", flush=True)
while True:
    signal.pause()
"""

CLIENT = """
import os, signal, sys, time
here = os.environ["FAKE"]
with open(here + "/pids") as file:
    newest = int(file.read().split()[-1])
if sys.argv[-1] == "ping":
    os.kill(newest, 0)  # fails while the server that is asked for has not begun
    print("PONG")
elif sys.argv[-1] == "dbsize":
    print(os.environ.get("FAKE_KEYS", "10"))
else:
    sys.stdin.buffer.read()
    os.kill(newest, signal.SIGUSR1)
    while not os.path.exists(here + "/loaded"):
        time.sleep(0.01)
    os.remove(here + "/loaded")
"""

LOAD = """
import os, sys
asked = sys.argv[sys.argv.index("-t") + 1]
print('"test","rps"')
if sys.argv[sys.argv.index("-P") + 1] != os.environ.get("FAKE_SILENT"):
    for name in {"ping": ["PING_INLINE", "PING_MBULK"]}.get(asked, [asked.upper()]):
        if name != os.environ.get("FAKE_WITHOUT"):
            print('"%s","1000.00"' % name)
"""


class DemoTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in (("server", SERVER), ("redis-server", SERVER), ("redis-cli", CLIENT), ("redis-benchmark", LOAD)):
            path = os.path.join(self.folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!%s\n%s" % (sys.executable, text))
            os.chmod(path, 0o755)

    def demo(self, **fake):
        """Two rounds; afterwards no server runs. Gives the status, and all that was printed."""
        environment = dict(os.environ, PATH=self.folder + ":" + os.environ["PATH"], FAKE=self.folder, **fake)
        ended = subprocess.run([DEMO, "--load", "--rounds", "2", "--keys", "10", "--server", os.path.join(self.folder, "server")],
                               env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                               timeout=60, check=False)
        with open(os.path.join(self.folder, "pids"), encoding="utf-8") as file:
            for pid in file.read().split():
                self.assertFalse(os.path.exists("/proc/" + pid), "a server was left running:\n" + ended.stdout)
        return ended.returncode, ended.stdout

    def test_all_is_met(self):
        status, told = self.demo()
        self.assertEqual(status, 0, told)
        self.assertEqual(told.count("1000"), 20, told)
        self.assertEqual(told.count(": met"), 3, told)

    def test_a_figure_that_is_missing_is_not_met(self):
        for missing, says in (({"FAKE_SILENT": "16"}, "no figure"), ({"FAKE_WITHOUT": "PING_MBULK"}, "8 rows of 32 figures")):
            with self.subTest(missing):
                status, told = self.demo(**missing)
                self.assertEqual(status, 2, told)
                self.assertIn(says, told)
                self.assertNotIn("met", told)

    def test_a_failure_leaves_no_server(self):
        status, told = self.demo(FAKE_KEYS="9")
        self.assertEqual(status, 2, told)
        self.assertIn("has not kept all keys", told)


if __name__ == "__main__":
    unittest.main()
