"""A C++ file as a checker wants it: code without its comments and strings, and where its functions lie."""

import re

_TOKEN = re.compile(r"""
    (?P<raw>R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)")
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*')
  | (?P<comment>//[^\n]*|/\*.*?\*/)
""", re.VERBOSE | re.DOTALL)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_of(text):
    """The text with comments blank and string contents blank; lines and columns stay where they are."""
    def replace(match):
        if match.lastgroup == "comment" or match.group("comment"):
            return _blank(match.group())
        whole = match.group()
        return whole[0] + _blank(whole[1:-1]) + whole[-1]
    return _TOKEN.sub(replace, text)


_CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def functions_of(code):
    """Returns [(first line, last line)] of the functions, lines from 1. A lambda belongs to what it stands in."""
    code = _PREPROCESSOR.sub(lambda match: _blank(match.group()), code)
    functions, stack = [], []  # of (is a container, start of its declaration)
    start = 0  # where the declaration begins that stands here
    line_of = _line_counter(code)
    for match in re.finditer(r"[{};]|\S", code):
        token = match.group()
        if start is None:
            start = match.start()
        if token == "{":
            declaration = code[start:match.start()]
            outside = all(container for container, _ in stack)
            before_arguments = declaration.split("(", 1)[0]
            container = outside and (bool(_CONTAINER.search(before_arguments)) or "(" not in declaration)
            stack.append((container, start))
            if container:
                start = None
        elif token == "}":
            if not stack:
                return functions  # Unbalanced, which #if can do: say nothing.
            container, begin = stack.pop()
            if not container and all(outer for outer, _ in stack):
                functions.append((line_of(begin), line_of(match.start())))
            if all(outer for outer, _ in stack):
                start = None
        elif token == ";" and all(container for container, _ in stack):
            start = None
    return functions


def _line_counter(text):
    ends = [match.start() for match in re.finditer("\n", text)]

    def line_of(offset):
        import bisect
        return bisect.bisect_left(ends, offset) + 1
    return line_of
