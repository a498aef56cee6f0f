"""Macros for every target of Kioto.

They give a library its include prefix ("kioto/" and the package's path, in the
tree and outside it), our warnings and the modes of --config=portable and
--config=model, which define KIOTO_PORTABLE=1 and KIOTO_MODEL=1 in our own code.
"""

load(":nocompile.bzl", "nocompile_test")
load(":system_headers.bzl", "system_headers")
load(":unity.bzl", "unity_sources")

_GTEST = "@com_google_googletest//:gtest_main"
_TEST_DEADLINE = "//runtime/base/testing:test_deadline"
_BENCHMARK = "@com_github_google_benchmark//:benchmark_main"

def kioto_copts():
    """The warnings; errors only in our own workspace, so that no user's compiler stops on one."""
    copts = ["-Wall", "-Wextra", "-Wpedantic", "-Woverloaded-virtual"]
    if native.repository_name() == "@":
        copts.append("-Werror")
    # gcc 12, optimizing, takes the one byte of an empty function object that is moved for uninitialized: no finding so
    # far was true (tools/guide/errors.md).
    return copts + select({
        "//tools/build:opt_clang": [],
        "//tools/build:opt": ["-Wno-maybe-uninitialized"],
        "//conditions:default": [],
    })

def _modes():
    return select({
        "//tools/build:portable": ["KIOTO_PORTABLE=1"],
        "//conditions:default": [],
    }) + select({
        "//tools/build:model": ["KIOTO_MODEL=1"],
        "//conditions:default": [],
    })

def _quiet(name, deps, testonly):
    """`deps` with those of other repositories behind one target that makes their headers system headers."""
    if type(deps) != "list":  # A select cannot be taken apart.
        return deps
    others = [dep for dep in deps if dep.startswith("@")]
    if not others:
        return deps
    system_headers(
        name = name + "_system_deps",
        deps = others,
        testonly = testonly,
        visibility = ["//visibility:private"],
        tags = ["manual"],
    )
    return [dep for dep in deps if not dep.startswith("@")] + [":" + name + "_system_deps"]

def kioto_cc_library(
        name,
        hdrs = [],
        srcs = [],
        deps = [],
        visibility = ["//:__subpackages__"],
        copts = [],
        defines = [],
        **kwargs):
    """A library whose every header, private ones too, stands in `hdrs`."""
    package = native.package_name()
    if hdrs and package:
        kwargs.setdefault("include_prefix", "kioto/" + package)
        kwargs.setdefault("strip_include_prefix", "/" + package)
    native.cc_library(
        name = name,
        hdrs = hdrs,
        srcs = srcs,
        deps = _quiet(name, deps, kwargs.get("testonly", False)),
        visibility = visibility,
        copts = kioto_copts() + copts,
        defines = _modes() + defines,
        **kwargs
    )

def kioto_cc_test(name, srcs, deps = [], size = "small", copts = [], local_defines = [], **kwargs):
    """A GoogleTest binary with GoogleMock and a main function, which names the test that hangs."""
    native.cc_test(
        name = name,
        srcs = unity_sources(name + "_joined", srcs),
        deps = _quiet(name, deps + [_GTEST, _TEST_DEADLINE], True),
        size = size,
        copts = kioto_copts() + copts,
        local_defines = _modes() + local_defines,
        **kwargs
    )

def kioto_cc_binary(name, srcs, deps = [], copts = [], local_defines = [], **kwargs):
    native.cc_binary(
        name = name,
        srcs = srcs,
        deps = _quiet(name, deps, kwargs.get("testonly", False)),
        copts = kioto_copts() + copts,
        local_defines = _modes() + local_defines,
        **kwargs
    )

def kioto_cc_benchmark(name, srcs, deps = [], tags = [], **kwargs):
    """A Google Benchmark program: bazel run --config=opt //the:target."""
    kioto_cc_binary(
        name = name,
        srcs = srcs,
        deps = deps + [_BENCHMARK],
        tags = tags + ["benchmark"],
        testonly = True,
        **kwargs
    )

def kioto_model_test(name, srcs, deps = [], tags = [], **kwargs):
    """A GoogleTest binary on the schedule explorer; exists only under --config=model."""
    kioto_cc_test(
        name = name,
        srcs = srcs,
        deps = deps,
        tags = tags + ["model"],
        target_compatible_with = select({
            "//tools/build:model": [],
            "//conditions:default": ["@platforms//:incompatible"],
        }),
        **kwargs
    )

def kioto_nocompile_test(name, src, deps = [], copts = [], tags = [], **kwargs):
    """Compiles `src` once as it is, which must succeed, and once for each of its cases.

    A case is a block that must fail with exactly one error, on whose line stands the sentence:

        #ifdef KIOTO_NC_CASE_step_by_value
        // EXPECT: kioto: an asynchronous step takes its argument by reference
        ...
        #endif

    EXPECT_GCC and EXPECT_CLANG give a sentence that is the compiler's own.
    The compiler runs as a build action, so an unchanged file costs nothing.
    """
    nocompile_test(
        name = name,
        src = src,
        deps = _quiet(name, deps, True),
        copts = kioto_copts() + copts,
        size = "small",
        tags = tags + ["nocompile"],
        **kwargs
    )
