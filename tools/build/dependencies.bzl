"""The repositories that Kioto needs, for our WORKSPACE and for those of users.

Two ways lead to the same sources:
  * tools/setup takes them from the distribution's archive, checks each against a pinned sha256, and hands them to Bazel
    with --override_repository. This is the way that is tried, by every test run.
  * The http_archive rules below take the projects' own release archives. That download has not been tried. A sha256 is
    pinned only where the file that tools/setup got is, to the byte, the release archive as its project packs it; pin the
    others when you vendor them.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")

def _archive(name, url, **kwargs):
    if not native.existing_rule(name):
        http_archive(name = name, urls = ["https://github.com/" + url], **kwargs)

def kioto_dependencies():
    """Defines each repository that is not defined yet."""
    _archive(
        name = "com_google_absl",
        url = "abseil/abseil-cpp/archive/refs/tags/20240722.0.tar.gz",
        strip_prefix = "abseil-cpp-20240722.0",
    )
    _archive(
        name = "com_google_googletest",
        url = "google/googletest/archive/refs/tags/release-1.12.1.tar.gz",
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
    )
    _archive(
        name = "com_github_google_benchmark",
        url = "google/benchmark/archive/refs/tags/v1.7.1.tar.gz",
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
    )
    _archive(
        name = "libuv",
        url = "libuv/libuv/archive/refs/tags/v1.50.0.tar.gz",
        strip_prefix = "libuv-1.50.0",
        build_file = Label("//tools/build:libuv.BUILD"),
    )

def kioto_example_dependencies():
    """What programs of tools/examples need besides: for our own WORKSPACE alone."""
    _archive(
        name = "llhttp",
        url = "nodejs/llhttp/archive/refs/tags/release/v8.1.0.tar.gz",
        strip_prefix = "llhttp-release-v8.1.0",
        build_file = Label("//tools/build:llhttp.BUILD"),
    )
