"""The rule under kioto_nocompile_test (see kioto.bzl)."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_COMPILE = "c++-compile"

def _impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    context = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts,
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = context.defines,
    )
    flags = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = _COMPILE,
        variables = variables,
    )
    report = ctx.actions.declare_file(ctx.label.name + ".report")
    args = ctx.actions.args()
    args.add(ctx.file.checker)
    args.add(ctx.file.src)
    args.add(report)
    args.add(cc_common.get_tool_for_action(
        feature_configuration = features,
        action_name = _COMPILE,
    ))
    args.add_all(flags)
    ctx.actions.run(
        executable = "/usr/bin/env",
        arguments = ["python3", args],
        inputs = depset(
            [ctx.file.src, ctx.file.checker],
            transitive = [context.headers, toolchain.all_files],
        ),
        outputs = [report],
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = _COMPILE,
            variables = variables,
        ),
        use_default_shell_env = False,
        mnemonic = "NoCompile",
        progress_message = "Checking what must not compile in %s" % ctx.file.src.short_path,
    )
    test = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        test,
        "#!/bin/sh\ncat '{0}'\ntail -n 1 '{0}' | grep -qx PASS\n".format(report.short_path),
        is_executable = True,
    )
    return [DefaultInfo(executable = test, runfiles = ctx.runfiles([report]))]

nocompile_test = rule(
    implementation = _impl,
    attrs = {
        "copts": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "src": attr.label(allow_single_file = [".cc"], mandatory = True),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "checker": attr.label(default = "//tools/build:nocompile.py", allow_single_file = True),
    },
    fragments = ["cpp"],
    test = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
