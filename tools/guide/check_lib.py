"""What must hold between the guide and the tree: snippets, links, and the list of sentences that begin with `kioto:`."""

import os
import re

_BLOCK = re.compile(r"^```cpp\n(.*?)^```", re.M | re.S)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.M | re.S)
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def region(text, name):
    """The lines between `// [region name]` and `// [end name]`; None if they are not there."""
    match = re.search(r"// \[region %s\]\n(.*?)^\s*// \[end %s\]" % (re.escape(name), re.escape(name)), text, re.M | re.S)
    return match.group(1) if match else None


def _dedent(text):
    lines = text.rstrip("\n").split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:].rstrip() for line in lines)


def snippet_faults(page, text, read):
    """Each C++ block says in its first line which region of which file it is, and is that region. `read(path)` or None."""
    faults = []
    for block in _BLOCK.findall(text):
        head, _, body = block.partition("\n")
        match = re.match(r"// (\S+)#(\S.*)$", head)
        if not match:
            faults.append("%s: a C++ block without `// file#region` in its first line: %r" % (page, head))
            continue
        source = read(match.group(1))
        wanted = region(source, match.group(2)) if source is not None else None
        if wanted is None:
            faults.append("%s: no region %s" % (page, match.group(0)[3:]))
        elif _dedent(wanted) != _dedent(body):
            faults.append("%s: the block is not what %s says" % (page, match.group(0)[3:]))
    return faults


def with_snippets(text, read):
    """The page with each C++ block made what its region says."""
    def fresh(match):
        head, _, _ = match.group(1).partition("\n")
        where = re.match(r"// (\S+)#(\S.*)$", head)
        source = read(where.group(1)) if where else None
        wanted = region(source, where.group(2)) if source is not None else None
        return "```cpp\n%s\n%s\n```" % (head, _dedent(wanted)) if wanted is not None else match.group(0)
    return _BLOCK.sub(fresh, text)


def anchors(text):
    """The anchors of a page's headings."""
    found = set()
    for title in re.findall(r"^#+ (.*)$", _FENCED.sub("", text), re.M):
        found.add(re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-"))
    return found


def link_faults(page, text, read):
    """Links that lead nowhere. Addresses outside are not followed."""
    faults = []
    for target in _LINK.findall(_FENCED.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        full = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        linked = read(full)
        if linked is None:
            faults.append("%s: nothing at %s" % (page, target))
        elif anchor and anchor not in anchors(linked):
            faults.append("%s: no heading for %s" % (page, target))
    return faults


# What a reader meets in README.md, in this order, and the pages of the guide that have to be there.
README_HEADINGS = ["# Kioto", "## The echo server", "## How to depend on it", "## The five rules", "## What is measured",
                   "## Platforms and status", "## The guide"]
PAGES = {"set-up.md", "futures.md", "polling.md", "spawning.md", "select.md", "cancellation.md", "hazards.md", "embedding.md",
         "callbacks.md", "testing.md",
         "dumps.md", "servers.md", "shutdown.md", "framing.md", "errors.md", "status.md", "how-to-change.md"}


def contents_faults(readme, guide, pages):
    """README's headings in another order, pages of tools/guide that are not there, and those that README.md or the guide's own
    README.md does not lead to. `readme` and `guide` are the texts of these two, `pages` the names of the pages."""
    faults = ["tools/guide/%s: is not there" % page for page in sorted(PAGES - set(pages))]
    found = re.findall(r"^#+ .*$", _FENCED.sub("", readme), re.M)
    if found != README_HEADINGS:
        faults.append("README.md: its headings are %s, not %s" % (", ".join(found), ", ".join(README_HEADINGS)))
    for name, text, folder in (("README.md", readme, "tools/guide/"), ("tools/guide/README.md", guide, "")):
        linked = {target.partition("#")[0] for target in _LINK.findall(text)}
        faults += ["%s: does not lead to %s" % (name, folder + page) for page in sorted(pages) if folder + page not in linked]
    return faults


def sentences(text):
    """The literals that begin with `kioto: ` in a C++ file, neighbours joined, formats and line ends left out."""
    found = []
    joined = re.sub(r'"\s*\n\s*"', "", text)
    for literal in _LITERAL.findall(joined):
        told = re.match(r"kioto: [^<%]{5}", literal) and "%" not in literal and "\\n" not in literal
        if told:
            found.append(literal.replace('\\"', '"'))
    return found


def checks(text):
    """What the program says, and ends, when a KIOTO_CHECK or KIOTO_DCHECK of a C++ file fails."""
    joined = re.sub(r'"\s*\n\s*"', "", text)
    return ["kioto: " + told for told in re.findall(r'KIOTO_D?CHECK\([^;]*?,\s*"((?:[^"\\]|\\.)*)"\)', joined)]


_COMPOSED = re.compile(r'\bStrCat\(\s*"kioto: ",|\bLogFailure\(')


def composed(text):
    """The sentences and log lines that a C++ file makes of parts: of each the literals, in order."""
    joined = re.sub(r'"\s*\n\s*"', "", text)
    found = []
    for call in _COMPOSED.finditer(joined):
        literals, depth = [], 1
        for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', joined[call.end():]):
            depth += {"(": 1, ")": -1}.get(token.group(), 0)
            if depth == 0:
                break
            if token.group()[0] == '"' and token.group() != r'"\n"':
                literals.append(token.group()[1:-1])
        if literals:
            found.append(literals)
    return found


def sentence_faults(files, page, text, is_inside=lambda path: False):
    """Sentences of the tree that the page does not explain, and rows of the page that no file says any more; in those that are
    made of parts, an ellipsis stands for what varies. Failed checks in files that are `is_inside`, below what users call, need no
    row."""
    said, may_be_said, patterns = {}, set(), {}
    for path, content in files:
        failed = checks(content)
        may_be_said.update(failed)
        for sentence in sentences(content) + ([] if is_inside(path) else failed):
            said.setdefault(sentence.strip(), path)
        for literals in composed(content):
            patterns["kioto: .*" + ".*".join(map(re.escape, literals)) + ".*"] = ("…".join(literals), path)
    rows = set(re.findall(r"^\| `(kioto: [^`]*)`", text, re.M))
    varied = {row for row in rows if "…" in row}
    faults = ["%s: does not explain %r of %s" % (page, sentence, path)
              for sentence, path in sorted(said.items()) if sentence not in rows]
    faults += ["%s: does not explain %r of %s" % (page, told, path)
               for pattern, (told, path) in sorted(patterns.items()) if not any(re.fullmatch(pattern, row) for row in varied)]
    gone = {row for row in varied if not any(re.fullmatch(pattern, row) for pattern in patterns)}
    gone |= rows - varied - set(said) - may_be_said
    return faults + ["%s: nothing says %r any more" % (page, row) for row in sorted(gone)]


_ERRNO_TABLE = re.compile(r"(?<=<!-- errno_table\.cc -->\n).*?(?=<!-- end -->)", re.S)


def errno_table(source):
    """The table of codes, and of the errnos that become each, as Markdown: from the text of errno_table.cc."""
    codes = {}
    for name, code in re.findall(r"KIOTO_ERRNO\((\w+), k(\w+)\)", source):
        codes.setdefault(code, []).append(name)
    rows = ["| `k%s` | %s |\n" % (code, ", ".join(sorted(names))) for code, names in sorted(codes.items())]
    return "| code | errnos |\n|---|---|\n" + "".join(rows)


def with_errno_table(text, source):
    """The page with the table made what errno_table.cc says."""
    return _ERRNO_TABLE.sub(lambda _: errno_table(source), text)


def status_faults(page, text, source, headers):
    """What the page of statuses says otherwise than errno_table.cc, and the predicates of these headers that it does not name."""
    table = _ERRNO_TABLE.search(text)
    faults = [] if table and table.group(0) == errno_table(source) else ["%s: the table is not what errno_table.cc says" % page]
    predicates = re.findall(r"^bool (Is\w+)\(const Status&", "\n".join(headers), re.M)
    return faults + ["%s: does not name %s" % (page, name) for name in predicates if "`%s`" % name not in text]


def knob_faults(header, page, text):
    """Knobs of RuntimeBuilder, as runtime.h declares them, that the page of knobs does not name."""
    knobs = set(re.findall(r"^  (?:static )?RuntimeBuilder&? (\w+)\(", header, re.M))
    faults = ["%s: does not name the knob %s" % (page, knob) for knob in sorted(knobs) if "`%s(" % knob not in text]
    return faults if knobs else ["%s: found no knobs to compare it with" % page]
