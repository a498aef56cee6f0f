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
  *" source "*) cp "$WORLD"/archive/*.tar.gz . ;;
  *" download "*) cp "$WORLD"/archive/*.deb . ;;
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
        for name in ("libuv.BUILD", "llhttp.BUILD"):
            shutil.copy(os.path.join(_HERE, name), self._path("root/tools/build"))
        with open(_SETUP, encoding="utf-8") as file:
            self.script = re.sub(r"\|([\w.-]+\.tar\.gz)\|[0-9a-f]{64}\|", self._pin, file.read())
        self.script = re.sub(r"(?<=LLHTTP_SUM=)[0-9a-f]{64}", self._make_llhttp("1"), self.script)
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

    def _make_llhttp(self, version):
        """Makes the package of llhttp; the sum of its files."""
        shutil.rmtree(self._path("package"), ignore_errors=True)
        texts = {"include/llhttp/llhttp.h": "a header", "llhttp/api.c": "an API", "llhttp/http.c": "HTTP",
                 "llhttp/llhttp.c": f"generated {version}"}
        for name, text in texts.items():
            path = f"package/usr/share/{name}"
            os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
            self._write(path, text)
        os.makedirs(self._path("package/DEBIAN"))
        self._write("package/DEBIAN/control", "Package: node-llhttp\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", self._path("package"),
                        self._path("archive/node-llhttp_1_all.deb")], check=True, stdout=subprocess.DEVNULL)
        return hashlib.sha256("".join(texts.values()).encode()).hexdigest()

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
        self.assertEqual(len(self._sources()), self.script.count(".tar.gz|") + 1)
        with open(self._path("root/.bazelrc.local"), encoding="utf-8") as file:
            rc = file.read()
        for folder in self._sources():
            a_file = "src/llhttp.c" if folder.startswith("llhttp") else "a_file"
            self.assertTrue(os.path.exists(os.path.join(self.cache, "src", folder, a_file)))
            self.assertIn(os.path.join(self.cache, "src", folder), rc)

    def test_lays_llhttp_out_as_its_own_archive_does(self):
        self.assertEqual(self._setup().returncode, 0)
        [folder] = [os.path.join(self.cache, "src", name) for name in self._sources() if name.startswith("llhttp")]
        files = sorted(os.path.relpath(os.path.join(parent, name), folder)
                       for parent, _, names in os.walk(folder) for name in names)
        self.assertEqual(files, ["BUILD.bazel", "WORKSPACE", "include/llhttp.h", "src/api.c", "src/http.c", "src/llhttp.c"])

    def test_a_second_run_costs_nothing(self):
        self.assertEqual(self._setup().returncode, 0)
        os.remove(self._path("calls"))
        written = self._times()
        self.assertEqual(self._setup().returncode, 0)
        self.assertEqual(self._calls(), [])
        self.assertEqual(self._times(), written)

    def test_refuses_a_file_that_is_not_the_one_pinned(self):
        tarball = "benchmark_1.7.1.orig.tar.gz"
        with open(self._path(f"archive/{tarball}"), "ab") as file:
            file.write(b"one byte more")
        ended = self._setup()
        self.assertEqual(ended.returncode, 1)
        self.assertIn(f"{tarball} is not the file that was pinned", ended.stderr)
        self.assertFalse([folder for folder in self._sources() if folder.startswith("com_github_google_benchmark")])
        self.assertFalse(os.path.exists(self._path("root/.bazelrc.local")))

    def test_refuses_a_package_whose_files_are_not_those_pinned(self):
        self._make_llhttp("2")
        ended = self._setup()
        self.assertEqual(ended.returncode, 1)
        self.assertIn("node-llhttp does not have the files that were pinned", ended.stderr)
        self.assertFalse([folder for folder in self._sources() if folder.startswith("llhttp") and not folder.endswith(".new")])
        self.assertFalse(os.path.exists(self._path("root/.bazelrc.local")))
        self._make_llhttp("1")  # a later one has them again
        self.assertEqual(self._setup().returncode, 0)

    def test_a_damaged_download_is_fetched_again(self):
        os.makedirs(os.path.join(self.cache, "download"))
        self._write("cache/download/benchmark_1.7.1.orig.tar.gz", "half a file")
        self._write("cache/download/node-llhttp_0_all.deb", "half a package")
        self.assertEqual(self._setup().returncode, 0)
        self.assertEqual(len(self._sources()), self.script.count(".tar.gz|") + 1)

    def test_what_was_downloaded_is_not_downloaded_again(self):
        self.assertEqual(self._setup().returncode, 0)
        os.remove(self._path("calls"))
        shutil.rmtree(os.path.join(self.cache, "src"))
        self.assertEqual(self._setup().returncode, 0)
        self.assertEqual(self._calls(), [])

    def test_says_what_it_does_not_know(self):
        ended = self._setup("--benhc")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("unknown argument '--benhc'; usage: tools/setup [--bench]", ended.stderr)


if __name__ == "__main__":
    unittest.main()
