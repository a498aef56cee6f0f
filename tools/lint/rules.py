"""The rules of style that a machine can check. Each gives (line, what is wrong and what to do instead)."""

import ast
import re

import cc_text

MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 70

_PRODUCT = ("runtime/", "net/", "fs/", "time/", "sync/")
_SYSTEM = "tools/bench/peers/", "tests/consumer/"  # Programs of their own, not written with Kioto's seams.
_TEST = re.compile(r"(_test\.cc|_conformance\.(cc|h)|_benchmark\.cc)$|^tests/|/testing/|/testing_")


class File:
    """One file of the tree."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.is_header = path.endswith(".h")
        self.is_cc = path.endswith((".h", ".cc"))
        self.is_test = bool(_TEST.search(path))
        self.is_product = path.startswith(_PRODUCT) and not self.is_test
        self.code = cc_text.code_of(text) if self.is_cc else ""
        self.code_lines = self.code.split("\n")


def _search(lines, pattern):
    return [(number, match) for number, line in enumerate(lines, 1) for match in [re.search(pattern, line)] if match]


def guard(file):
    """A header's guard is its path in capitals."""
    if not file.is_header or file.path.startswith(_SYSTEM):
        return []
    name = "KIOTO_" + re.sub(r"[^A-Za-z0-9]", "_", file.path).upper() + "_"
    wanted = ["#ifndef " + name, "#define " + name, "#endif  // " + name]
    lines = [line.rstrip() for line in file.lines]
    return [(1, "the guard must be: " + line) for line in wanted if line not in lines]


def banner(file):
    """A header begins by saying what it is for."""
    if file.is_header and not file.lines[0].startswith("// "):
        return [(1, "a header's first line is a comment that says what it is for")]
    return []


_BANNED_IN_HEADERS = {
    "iostream": "<ostream> or absl/strings", "regex": "code of your own", "sstream": "absl/strings",
}
_QUOTED = re.compile(r"^(kioto/|absl/|gtest/|gmock/|benchmark/|uv\.h$|tools/)")


def includes(file):
    """Which headers may be included where, and how."""
    found = []
    if not file.is_cc or file.path.startswith(_SYSTEM):
        return found
    for number, match in _search(file.lines, r'^\s*#\s*include\s+([<"])([^>"]+)[>"]'):
        mark, name = match.groups()
        if (file.is_header or file.is_product) and mark == "<" and name in _BANNED_IN_HEADERS:
            found.append((number, "<%s> is slow to compile: use %s" % (name, _BANNED_IN_HEADERS[name])))
        if mark == '"' and not _QUOTED.match(name):
            found.append((number, 'write our own includes as "kioto/<path in the tree>"'))
        if name == "uv.h" and not _may_use_libuv(file):
            found.append((number, "uv.h stays behind runtime/driver: declare `typedef struct uv_loop_s uv_loop_t;`"))
    return found


def _may_use_libuv(file):
    return file.is_test or file.path.startswith("tools/") or (
        file.path.startswith("runtime/driver/") and not file.is_header)


def own_header_first(file):
    """foo.cc includes foo.h first, which shows that foo.h can be compiled alone."""
    if not file.path.endswith(".cc") or not file.is_product:
        return []
    own = re.sub(r"\.cc$", ".h", file.path)
    names = [match.group(1) for _, match in _search(file.lines, r'^\s*#\s*include\s+["<]([^>"]+)')]
    if "kioto/" + own in names and names[0] != "kioto/" + own:
        return [(1, "the first include must be the file's own header, kioto/" + own)]
    return []


_WORDS = [
    (r"\bstd::function\b", "std::function copies and allocates: use absl::AnyInvocable or a template", "product"),
    (r"\bstd::atomic\b", "use base::Atomic, which the schedule explorer can take over", "product"),
    (r"\bstd::(mutex|condition_variable|shared_mutex)\b", "use kioto/runtime/base/mutex.h and park.h", "product"),
    (r"\b(atomic_thread_fence|atomic_signal_fence)\b", "ThreadSanitizer does not see fences: order the accesses themselves", "all"),
    (r"\b(dynamic_cast|typeid)\b", "there is no RTTI with --config=noexcept", "product"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", "tests wait for events or use the paused clock", "test"),
    (r"\bDISABLED_", "a test that is switched off tests nothing", "all"),
]
# The seams themselves.
_SEAMS = ("runtime/base/",)
_ORDERS_PASS_THROUGH = ("runtime/base/atomic.h", "runtime/base/model/")


def words(file):
    """Words that have a better one."""
    found = []
    if not file.is_cc or file.path.startswith(_SYSTEM):
        return found
    product = file.is_product and not file.path.startswith(_SEAMS)
    for pattern, advice, where in _WORDS:
        if where == "all" or (where == "product" and product) or (where == "test" and file.is_test):
            found += [(number, advice) for number, _ in _search(file.code_lines, pattern)]
    return found


_ORDER_EXPLAINED = re.compile(r"//.*(pairs with|\b(relaxed|acquire|release|acq_rel|seq_cst)\b[^:]*:)", re.IGNORECASE)


def memory_order(file):
    """Each explicit memory order says what it pairs with, or why it may be relaxed."""
    if not file.is_product or not file.is_cc or file.path.startswith(_ORDERS_PASS_THROUGH):
        return []
    return [(number, "say here or just above what this order pairs with, or `relaxed: why`")
            for number, _ in _search(file.code_lines, r"\.[a-z_]+\(.*\bmemory_order(_|::)\w+|^\s*\S*memory_order(_|::)\w+")
            if not any(_ORDER_EXPLAINED.search(line) for line in _around(file, number))]


def _around(file, number):
    """The statement up to this line (of `do … while` all), the two lines above it, and the comment that ends there."""
    top = number - 1
    while top > 0 and file.code_lines[top - 1].strip() and not re.search(r"[;{}:]\s*$", file.code_lines[top - 1]):
        top -= 1
    loop = re.match(r"(\s*)\} while\b", file.code_lines[top])
    while loop and top > 0 and file.code_lines[top].rstrip() != loop.group(1) + "do {":
        top -= 1
    top = max(0, top - 2)
    while top > 0 and file.lines[top].lstrip().startswith("//"):
        top -= 1
    return file.lines[top:number]


def length(file):
    """Files and functions that fit in a head."""
    found = []
    if file.path.endswith((".h", ".cc", ".py", ".bzl")) and len(file.lines) > MAX_FILE_LINES + 1:
        found.append((1, "%d lines: split it (at most %d)" % (len(file.lines) - 1, MAX_FILE_LINES)))
    spans = []
    if file.is_cc:
        spans = cc_text.functions_of(file.code)
    elif file.path.endswith(".py"):
        spans = [(node.lineno, node.end_lineno) for node in ast.walk(ast.parse(file.text))
                 if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for first, last in spans:
        if last - first + 1 > MAX_FUNCTION_LINES:
            found.append((first, "a function of %d lines (at most %d)" % (last - first + 1, MAX_FUNCTION_LINES)))
    return found


_UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
_MACHINE = re.compile(r"(?<![\w.$}])/(work|root|home)/\w")


def text(file):
    """Any text: nothing unfinished, no path of somebody's machine, tidy ends of lines."""
    found = [(number, "finish it, or leave it out") for number, _ in _search(file.lines, _UNFINISHED)]
    found += [(number, "a path of one machine") for number, _ in _search(file.lines, _MACHINE)]
    if "." not in file.path.rsplit("/", 1)[-1] or file.path.endswith((".h", ".cc", ".py", ".bzl", ".bazel", ".sh")):
        found += [(number, "white space at the end of the line") for number, _ in _search(file.lines, r"[ \t\r]$")]
    if file.text and not file.text.endswith("\n"):
        found.append((len(file.lines), "the last line has no end"))
    return found


RULES = [guard, banner, includes, own_header_first, words, memory_order, length, text]


def check(path, content):
    """Returns [(line, rule's name, message)]. `NOLINT(name): why` on a line lets it pass."""
    file = File(path, content)
    found = []
    for rule in RULES:
        for line, message in rule(file):
            if not re.search(r"NOLINT\(%s\): \w" % rule.__name__, file.lines[line - 1]):
                found.append((line, rule.__name__, message))
    return sorted(found)
