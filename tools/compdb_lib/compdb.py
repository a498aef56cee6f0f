"""Turns Bazel's own account of its compile commands into a compile_commands.json for clangd.

Bazel compiles in a folder of its own, where a header of ours is a link in a "virtual include"
folder of its target. Here the commands run in the tree: one folder, .cache/compdb/include, has a
link `kioto` to the top of the tree and stands for all of those.
"""

import json
import os
import re

INCLUDE = ".cache/compdb/include"
_OUR_VIRTUAL_INCLUDE = re.compile(r"^bazel-out/[^/]+/bin/(?!external/).*_virtual_includes/")
_INCLUDE_FLAGS = ("-I", "-iquote", "-isystem")
# What only gcc knows, and what serves Bazel alone.
_DROPPED = re.compile(r"^(-fno-canonical-system-headers|-Wno-free-nonheap-object|-frandom-seed=.*|-MD|-D__(DATE|TIME|TIMESTAMP)__=.*"
                      r"|-Wno-builtin-macro-redefined)$")
_DROPPED_WITH_VALUE = ("-MF", "-o")


def _folder(path, execroot, output_base, exists):
    """Where an include folder lies for a compiler that runs in the tree; None if nowhere."""
    if path == "." or os.path.isabs(path):
        return path
    base = output_base if path.startswith("external/") else execroot
    absolute = os.path.join(base, path)
    return os.path.realpath(absolute) if exists(absolute) else None


def arguments_in_tree(arguments, root, execroot, output_base, exists=os.path.isdir):
    """One command of Bazel's, as it is to run in the tree."""
    kept, ours = [arguments[0], "-I" + os.path.join(root, INCLUDE)], False
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _DROPPED_WITH_VALUE:
            next(rest)
            continue
        if _DROPPED.match(argument):
            continue
        flag = next((flag for flag in _INCLUDE_FLAGS if argument.startswith(flag)), None)
        if flag is None:
            kept.append(argument)
            continue
        path = argument[len(flag):] or next(rest)
        if _OUR_VIRTUAL_INCLUDE.match(path):
            ours = True
            continue
        folder = _folder(path, execroot, output_base, exists)
        if folder:
            kept += [flag, folder]
    if not ours:
        del kept[1]
    return kept


def entries(aquery, root, execroot, output_base, exists=os.path.isdir):
    """The contents of compile_commands.json, from `bazel aquery --output=jsonproto`, one entry a file."""
    found = {}
    for action in aquery.get("actions", []):
        arguments = action["arguments"]
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("external/", "bazel-out/")):
            continue
        found.setdefault(source, {
            "directory": root,
            "file": os.path.join(root, source),
            "arguments": arguments_in_tree(arguments, root, execroot, output_base, exists),
        })
    return [found[source] for source in sorted(found)]


def write(root, contents):
    """Writes the file and the folder that it speaks of."""
    include = os.path.join(root, INCLUDE)
    os.makedirs(include, exist_ok=True)
    link = os.path.join(include, "kioto")
    if not os.path.islink(link):
        os.symlink(os.path.relpath(root, include), link)
    path = os.path.join(root, "compile_commands.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(contents, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)
