"""Fewer and larger translation units for tests: most of what a test costs to compile is its headers.

With --define=kioto_unity=1, which the configurations of the sanitizers and their kin set, the sources of a test program
are joined, a handful to a file. An unnamed namespace gets the name of its file, so that the helpers of one source do
not meet those of another. Messages and test reports still name the source and its line. Without the define, as at the
desk, each source stands alone: what it uses it must include, and after a change it alone is compiled.
"""

# So many sources a file: two compilers at once want work, and none should need gigabytes.
_SOURCES_PER_FILE = 8

_JOIN = """
for source in "$@"; do
  name=$(echo "${source%.cc}" | tr -c 'a-zA-Z0-9\\n' _)
  echo "#line 1 \\"$source\\""
  sed -e "s/^namespace {\\$/namespace ${name}_cc {/" "$source"
done
"""

def _impl(ctx):
    chunks = []
    sources = ctx.files.srcs
    count = (len(sources) + _SOURCES_PER_FILE - 1) // _SOURCES_PER_FILE
    for i in range(count):
        part = sources[i * len(sources) // count:(i + 1) * len(sources) // count]
        joined = ctx.actions.declare_file("%s_%d.cc" % (ctx.label.name, i))
        ctx.actions.run_shell(
            inputs = part,
            outputs = [joined],
            arguments = [joined.path] + [source.path for source in part],
            command = "out=$1; shift; {\n%s} > \"$out\"" % _JOIN,
            mnemonic = "JoinSources",
            progress_message = "Joining the sources of %s" % ctx.label.name,
        )
        chunks.append(joined)
    return [DefaultInfo(files = depset(chunks))]

_unity_sources = rule(
    implementation = _impl,
    attrs = {"srcs": attr.label_list(allow_files = [".cc"], mandatory = True)},
)

def unity_sources(name, srcs):
    """Returns the `srcs` of a program whose sources may be joined; defines the target that joins them."""
    sources = [src for src in srcs if src.endswith(".cc")]
    if len(sources) < 2 or type(srcs) != "list":
        return srcs
    _unity_sources(
        name = name,
        srcs = sources,
        testonly = True,
        tags = ["manual"],  # joined only where a program wants it: no test, but its sources
        visibility = ["//visibility:private"],
    )
    return [src for src in srcs if not src.endswith(".cc")] + select({
        "//tools/build:unity": [":" + name],
        "//conditions:default": sources,
    })
