"""Tests of compdb.py on a small captured answer of Bazel's."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from compdb_lib import compdb  # pylint: disable=wrong-import-position

_BIN = "bazel-out/k8-fastbuild/bin/"
_COMMAND = [
    "/usr/bin/gcc", "-Wall", "-std=c++0x", "-MD", "-MF", _BIN + "net/_objs/net/tcp.pic.d",
    "-frandom-seed=" + _BIN + "net/_objs/net/tcp.pic.o", "-fPIC", "-iquote", ".", "-iquote", _BIN[:-1],
    "-I" + _BIN + "net/_virtual_includes/net", "-I" + _BIN + "runtime/base/_virtual_includes/status",
    "-I" + _BIN + "external/lib/_virtual_includes/lib", "-isystem", "external/com_google_absl",
    "-isystem", _BIN + "external/com_google_absl", "-DKIOTO_PORTABLE=1", "-std=c++17",
    "-fno-canonical-system-headers", '-D__DATE__="redacted"', "-c", "net/tcp.cc", "-o", _BIN + "net/_objs/net/tcp.pic.o",
]
_AQUERY = {"actions": [
    {"mnemonic": "CppCompile", "arguments": _COMMAND},
    {"mnemonic": "CppCompile", "arguments": _COMMAND},  # Once more, in another configuration.
    {"mnemonic": "CppCompile", "arguments": ["/usr/bin/gcc", "-c", "external/libuv/src/uv.c", "-o", "x.o"]},
]}


def _entries(aquery=None, exists=lambda path: path != "/exec/" + _BIN + "external/com_google_absl"):
    return compdb.entries(aquery or _AQUERY, "/tree", "/exec", "/base", exists)


class CompdbTest(unittest.TestCase):

    def test_an_entry_for_each_file_of_ours(self):
        self.assertEqual([(e["file"], e["directory"]) for e in _entries()], [("/tree/net/tcp.cc", "/tree")])

    def test_the_command_runs_in_the_tree(self):
        self.assertEqual(_entries()[0]["arguments"], [
            "/usr/bin/gcc", "-I/tree/.cache/compdb/include", "-Wall", "-std=c++0x", "-fPIC", "-iquote", ".",
            "-iquote", "/exec/bazel-out/k8-fastbuild/bin", "-I", "/exec/" + _BIN + "external/lib/_virtual_includes/lib",
            "-isystem", "/base/external/com_google_absl", "-DKIOTO_PORTABLE=1", "-std=c++17", "-c", "net/tcp.cc",
        ])

    def test_a_file_without_our_headers_gets_no_folder_for_them(self):
        aquery = {"actions": [{"arguments": ["/usr/bin/gcc", "-Wall", "-c", "a.cc", "-o", "a.o"]}]}
        self.assertEqual(_entries(aquery)[0]["arguments"], ["/usr/bin/gcc", "-Wall", "-c", "a.cc"])

    def test_writes_the_file_and_the_folder(self):
        with tempfile.TemporaryDirectory() as root:
            for _ in range(2):
                compdb.write(root, _entries())
            with open(os.path.join(root, "compile_commands.json"), encoding="utf-8") as file:
                self.assertEqual(json.load(file), _entries())
            self.assertTrue(os.path.samefile(os.path.join(root, compdb.INCLUDE, "kioto"), root))


if __name__ == "__main__":
    unittest.main()
