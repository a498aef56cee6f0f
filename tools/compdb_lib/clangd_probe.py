"""Asks clangd where the first `#include "kioto/..."` of a file leads, and whether it compiles.

usage: clangd_probe.py FOLDER_OF_COMPILE_COMMANDS FILE
Succeeds if clangd opens the header in the folder and finds no error.
"""

import json
import os
import re
import subprocess
import sys
from urllib.parse import unquote, urlparse


class Clangd:
    """A clangd that one talks to."""

    def __init__(self, root):
        self._process = subprocess.Popen(
            ["clangd", "--compile-commands-dir=" + root, "--background-index=0", "--log=error"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, method, params, request=None):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if request is not None:
            message["id"] = request
        body = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def receive(self, wanted):
        """The next message for which wanted(message) holds."""
        while True:
            length = None
            while True:
                line = self._process.stdout.readline()
                if not line:
                    sys.exit("clangd ended")
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                if not line.strip():
                    break
            message = json.loads(self._process.stdout.read(length))
            if wanted(message):
                return message

    def stop(self):
        self._process.kill()
        self._process.wait()


def _probe(root, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    include = re.search(r'^#include "(kioto/[^"]+)"', text, re.MULTILINE)
    line = text.count("\n", 0, include.start())
    uri = "file://" + path
    clangd = Clangd(root)
    try:
        clangd.send("initialize", {"processId": None, "rootUri": "file://" + root, "capabilities": {}}, 1)
        clangd.receive(lambda message: message.get("id") == 1)
        clangd.send("initialized", {})
        clangd.send("textDocument/didOpen",
                    {"textDocument": {"uri": uri, "languageId": "cpp", "version": 1, "text": text}})
        report = clangd.receive(lambda message: message.get("method") == "textDocument/publishDiagnostics")
        clangd.send("textDocument/definition",
                    {"textDocument": {"uri": uri}, "position": {"line": line, "character": 12}}, 2)
        answer = clangd.receive(lambda message: message.get("id") == 2)
    finally:
        clangd.stop()
    errors = [d["message"] for d in report["params"]["diagnostics"] if d.get("severity") == 1]
    opened = [unquote(urlparse(place["uri"]).path) for place in answer.get("result") or []]
    wanted = os.path.join(root, include.group(1)[len("kioto/"):])
    if opened != [wanted]:
        errors.append('for "%s" clangd opens %s instead of %s' % (include.group(1), opened or "nothing", wanted))
    return errors


if __name__ == "__main__":
    problems = _probe(os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2]))
    print("\n".join(problems) or "clangd opens the tree's files")
    sys.exit(1 if problems else 0)
