"""Dependencies as system headers, so that our warnings stay ours.

Bazel gives another repository's headers with -iquote, and the compiler then warns about them as
if we had written them. This rule passes its dependencies on with -isystem instead.
"""

def _impl(ctx):
    merged = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    context = merged.compilation_context
    system = depset(
        [path for path in context.quote_includes.to_list() if "external/" in path],
        transitive = [context.includes, context.system_includes],
    )
    return [
        DefaultInfo(),
        CcInfo(
            compilation_context = cc_common.create_compilation_context(
                headers = context.headers,
                system_includes = system,
                defines = context.defines,
            ),
            linking_context = merged.linking_context,
        ),
    ]

system_headers = rule(
    implementation = _impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
    provides = [CcInfo],
)
