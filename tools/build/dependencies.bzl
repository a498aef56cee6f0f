"""The repositories that Kioto needs, for our WORKSPACE and for those of users.

Two ways lead to the same sources:
  * tools/setup takes them from the Debian archive, by `apt-get source`, and hands
    them to Bazel with --override_repository. This is the way that is tried.
  * The http_archive rules below take the same files from the archive's public
    address. Each sha256 was computed from the file that tools/setup downloaded;
    the download by Bazel itself has not been tried.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")

_POOL = "https://deb.debian.org/debian/pool/main/"

def _archive(name, path, **kwargs):
    if not native.existing_rule(name):
        http_archive(name = name, urls = [_POOL + path], **kwargs)

def kioto_dependencies():
    """Defines each repository that is not defined yet."""
    _archive(
        name = "com_google_absl",
        path = "a/abseil/abseil_20240722.0.orig.tar.gz",
        sha256 = "df6d1f5ef540725f3851201176a60486aab332410788465c9877910bb471c34a",
        strip_prefix = "abseil-20240722.0",
    )
    _archive(
        name = "com_google_googletest",
        path = "g/googletest/googletest_1.12.1.orig.tar.gz",
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
    )
    _archive(
        name = "com_github_google_benchmark",
        path = "b/benchmark/benchmark_1.7.1.orig.tar.gz",
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
    )
    _archive(
        name = "libuv",
        path = "libu/libuv1/libuv1_1.50.0.orig.tar.gz",
        sha256 = "ec9de6ecf2a780fd2afb3b007947d2cd57c3bb17f3b9e721a66774980d35cd4d",
        strip_prefix = "libuv1-1.50.0",
        build_file = Label("//tools/build:libuv.BUILD"),
    )
