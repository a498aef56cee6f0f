"""An aspect that compiles each header alone, twice over, with the dependencies of its own target.

    bazel build --aspects=//tools/lint:headers.bzl%headers --output_groups=kioto_headers //...

Left out are what users never say (internal/, testing) and a header whose .cc stands in the same
target: tools/lint/style sees to it that the .cc includes it first.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_COMPILE = "c++-compile"
_WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

def _flags(ctx, toolchain, features, context):
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + _WARNINGS,
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = context.defines,
    )
    return cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = _COMPILE,
        variables = variables,
    )

def _impl(target, ctx):
    if ctx.rule.kind != "cc_library" or not ctx.rule.files.hdrs or not ctx.rule.attr.include_prefix or ctx.rule.attr.testonly:
        return [OutputGroupInfo(kioto_headers = depset())]
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    context = target[CcInfo].compilation_context
    flags = _flags(ctx, toolchain, features, context)
    compiler = cc_common.get_tool_for_action(feature_configuration = features, action_name = _COMPILE)
    sources = [file.short_path for file in ctx.rule.files.srcs]
    outputs = []
    for header in ctx.rule.files.hdrs:
        if "/internal/" in header.short_path or header.short_path[:-len(".h")] + ".cc" in sources:
            continue
        name = ctx.rule.attr.include_prefix + header.short_path[len(ctx.rule.attr.strip_include_prefix) - 1:]
        source = ctx.actions.declare_file("_headers/%s/%s.cc" % (target.label.name, header.basename))
        ctx.actions.write(source, "#include \"%s\"\n#include \"%s\"\n" % (name, name))
        output = ctx.actions.declare_file("_headers/%s/%s.ok" % (target.label.name, header.basename))
        ctx.actions.run_shell(
            command = "out=\"$1\"; shift; \"$@\" && : >\"$out\"",
            arguments = [output.path, compiler] + flags + ["-fsyntax-only", source.path],
            inputs = depset([source], transitive = [context.headers, toolchain.all_files]),
            outputs = [output],
            mnemonic = "HeaderAlone",
            progress_message = "Compiling %s alone" % name,
        )
        outputs.append(output)
    return [OutputGroupInfo(kioto_headers = depset(outputs))]

headers = aspect(
    implementation = _impl,
    attrs = {
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
