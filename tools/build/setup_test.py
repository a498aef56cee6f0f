"""Tests of tools/setup against an archive and packages of our own: nothing is installed, and nothing is downloaded."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

_HERE = os.path.dirname(os.path.abspath(__file__))
_SETUP = os.path.join(_HERE, "..", "setup")

# What tools/setup calls. Each writes down that it was called.
_APT_GET = """#!/bin/bash
echo "apt-get $*" >>"$WORLD/calls"
case " $* " in
  *" indextargets "*) echo "file:$WORLD/archive|bookworm|main" ;;
  *" source "*) cp "$WORLD"/archive/* . ;;
esac
"""
_DPKG_QUERY = """#!/bin/bash
shift 2
printf 'installed:%s ' "$@"
"""
_DPKG = """#!/bin/bash
echo "$WORLD/packages/$2/WORKSPACE"
"""


class SetupTest(unittest.TestCase):

    def setUp(self):
        self.world = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(shutil.rmtree, self.world)
        self.cache = self._path("cache")
        for folder in ("bin", "archive", "root/tools/build"):
            os.makedirs(self._path(folder))
        for name, text in (("apt-get", _APT_GET), ("dpkg-query", _DPKG_QUERY), ("dpkg", _DPKG)):
            self._write(f"bin/{name}", text)
            os.chmod(self._path(f"bin/{name}"), 0o755)
        for name in ("libuv.BUILD", "http_parser.BUILD"):
            shutil.copy(os.path.join(_HERE, name), self._path("root/tools/build"))
        with open(_SETUP, encoding="utf-8") as file:
            self.script = re.sub(r"\|([\w.-]+\.tar\.gz)\|[0-9a-f]{64}\|", self._pin, file.read())
        self._write("root/tools/setup", self.script)

    def _path(self, name):
        return os.path.join(self.world, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _pin(self, found):
        """Makes the tarball of a line of SOURCES; the line with its sum."""
        tarball = found.group(1)
        self._write("a_file", tarball)
        with tarfile.open(self._path(f"archive/{tarball}"), "w:gz") as archive:
            archive.add(self._path("a_file"), "top/a_file")
        with open(self._path(f"archive/{tarball}"), "rb") as file:
            return f"|{tarball}|{hashlib.sha256(file.read()).hexdigest()}|"

    def _setup(self, *arguments):
        environment = {**os.environ, "WORLD": self.world, "KIOTO_CACHE": self.cache,
                       "PATH": self._path("bin") + os.pathsep + os.environ["PATH"]}
        return subprocess.run(["bash", self._path("root/tools/setup"), *arguments], env=environment, capture_output=True,
                              text=True, check=False)

    def _calls(self):
        if not os.path.exists(self._path("calls")):
            return []
        with open(self._path("calls"), encoding="utf-8") as file:
            return file.read().splitlines()

    def _sources(self):
        folder = os.path.join(self.cache, "src")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def _times(self):
        """When the sources and Bazel's options were written."""
        paths = [os.path.join(self.cache, "src", folder) for folder in self._sources()]
        return [os.stat(path).st_mtime_ns for path in [self._path("root/.bazelrc.local"), *paths]]

    def test_unpacks_every_source_and_tells_bazel(self):
        ended = self._setup()
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(len(self._sources()), self.script.count(".tar.gz|"))
        with open(self._path("root/.bazelrc.local"), encoding="utf-8") as file:
            rc = file.read()
        for folder in self._sources():
            self.assertTrue(os.path.exists(os.path.join(self.cache, "src", folder, "a_file")))
            self.assertIn(os.path.join(self.cache, "src", folder), rc)

    def test_a_second_run_costs_nothing(self):
        self.assertEqual(self._setup().returncode, 0)
        os.remove(self._path("calls"))
        written = self._times()
        self.assertEqual(self._setup().returncode, 0)
        self.assertEqual(self._calls(), [])
        self.assertEqual(self._times(), written)

    def test_refuses_a_file_that_is_not_the_one_pinned(self):
        tarball = "http-parser_2.9.4.orig.tar.gz"
        with open(self._path(f"archive/{tarball}"), "ab") as file:
            file.write(b"one byte more")
        ended = self._setup()
        self.assertEqual(ended.returncode, 1)
        self.assertIn(f"{tarball} is not the file that was pinned", ended.stderr)
        self.assertFalse([folder for folder in self._sources() if folder.startswith("http_parser")])
        self.assertFalse(os.path.exists(self._path("root/.bazelrc.local")))

    def test_a_damaged_download_is_fetched_again(self):
        os.makedirs(os.path.join(self.cache, "download"))
        tarball = "http-parser_2.9.4.orig.tar.gz"
        self._write(f"cache/download/{tarball}", "half a file")
        self.assertEqual(self._setup().returncode, 0)
        self.assertEqual(len(self._sources()), self.script.count(".tar.gz|"))

    def test_says_what_it_does_not_know(self):
        ended = self._setup("--benhc")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("unknown argument '--benhc'; usage: tools/setup [--bench]", ended.stderr)


if __name__ == "__main__":
    unittest.main()
