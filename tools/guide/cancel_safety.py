"""The page of what is lost when a future is dropped, from the comments `CANCEL SAFE:` of the public headers."""

import os
import re

PAGE = "tools/guide/cancel-safety.md"
_FOLDERS = (("net", "net"), ("fs", "fs"), ("time", "time"), ("sync", "sync"), ("runtime/io", "runtime/io"),
            ("runtime/process", "runtime/process"), ("runtime/signal", "runtime/signal"), ("runtime/task", "runtime/task"),
            ("runtime/blocking", "runtime/blocking"), ("runtime/scheduler", "runtime/scheduler"), ("runtime/driver", "runtime/driver"),
            ("runtime/future", "runtime/future"))
_SAFE = re.compile(r"(?<!\")CANCEL SAFE(?: of (.+?))?: +(.+?)(?:\.(?: |$)| +THREADS:| *---|$)")
_TYPE = re.compile(r"^\s*(?:class|struct)\s+(?:\[\[\w+\]\]\s*)?(\w+)[^;]*$")
_CALL = re.compile(r"(\w+)\(")
_HEAD = re.compile(r"^// ((?:[^:.]|\.\w|::)+):(?!:)")
_NOT_NAMES = {"if", "return", "decltype", "enable_if_t", "static_assert", "noexcept", "sizeof", "alignas", "KIOTO_MUTANT"}


def is_public(path):
    return path.endswith(".h") and not re.search(r"/(internal|testing|model)/", path)


def _told(block):
    """(name, phrase) of a comment, each None if it does not say it."""
    found = _SAFE.search(" ".join(line.strip()[2:].strip() for line in block))
    return (found.group(1), found.group(2).strip()) if found else (None, None)


def _declared(line):
    """What a line declares, as its reader would call it; None: nothing that waits."""
    kind = _TYPE.match(line)
    if kind:
        return kind.group(1)
    if re.match(r"\s*(?:template|#|}|using|friend|void|bool|size_t|static_assert)\b", line):
        return None
    calls = [name for name in _CALL.findall(line) if name not in _NOT_NAMES]
    return calls[0] + "()" if calls and not calls[0].startswith(("Try", "Blocking")) else None


def entries(path, text):
    """[(what, phrase)] of a header: of the file as a whole, of each declaration below such a comment, of each below a heading
    `--- ... CANCEL SAFE: ... ---`; a comment `CANCEL SAFE of name(): ...` says itself of what. `what` is None where a comment stands
    above nothing that it could be about."""
    found, block, owner, section, waiting, inside = [], [], None, None, None, False
    for line in text.splitlines() + [""]:
        stripped = line.strip()
        if stripped.startswith("//") and not stripped.startswith("//  namespace"):
            block.append(line)
            if stripped.startswith("// ---"):
                section, block = _told([line])[1], []
            continue
        if "namespace internal" in line:
            inside = stripped.startswith("namespace")
        if stripped in ("private:", "protected:"):
            section = None
        if block:
            (named, waiting), head, block = _told(block), _HEAD.match(block[0]), []
            if stripped.startswith("#ifndef"):
                named = named or (head.group(1) if head else os.path.basename(path))
            if waiting and named and not inside:
                found.append((named, waiting))
                waiting = None
            fresh = waiting is not None and not inside
        kind = _TYPE.match(line)
        if kind and not line.startswith(" "):
            owner = kind.group(1)
        if line.startswith("};"):
            owner = section = None
        if not stripped or stripped.endswith(":") or line.startswith("}") or inside:
            waiting = None
            continue
        phrase = waiting or (section if re.match("  [^ ]", line) else None)
        name = _declared(line) if phrase else None
        if name is not None:
            outer = owner if line.startswith("  ") and owner else None
            found.append(("%s::%s" % (outer, name) if outer else name, phrase))
            fresh = False
        elif waiting and fresh and stripped.endswith((";", "}")):
            found.append((None, waiting))
        if stripped.endswith("{") or kind:
            waiting = None  # the body is no declaration
    return list(dict.fromkeys(found))


def faults(headers):
    """Comments that stand above nothing."""
    return ["%s: CANCEL SAFE: %s: of what?" % (path, phrase) for path, text in headers
            for what, phrase in entries(path, text) if what is None]


def page(headers):
    """The page. `headers`: [(path, text)]."""
    lines = ["# Cancel safety", "",
             "What is lost when a future is dropped before it is ready: by `Select`, `Timeout`, `Until`, an abort. From the headers'",
             "comments `CANCEL SAFE:`, by `tools/guide/check --write`.", "",
             "What *yes*, *loses place* and *loses data* mean for programs: [cancellation.md](cancellation.md#what-may-be-lost)."]
    for folder, title in _FOLDERS:
        rows = [(path, what, phrase) for path, text in sorted(headers) if path.startswith(folder + "/")
                for what, phrase in entries(path, text)]
        if rows:
            lines += ["", "## %s" % title, "", "| what | dropped | header |", "|---|---|---|"]
            lines += ["| `%s` | %s | [%s](../../%s) |" % (what, phrase.replace("|", "\\|"), os.path.basename(path), path)
                      for path, what, phrase in rows]
    return "\n".join(lines) + "\n"
