"""Tests of features.py: what it lets pass and what it finds."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from test_lib import features  # pylint: disable=wrong-import-position

_GOOD = {
    "rt": ["//:rt", "//runtime/task:task", "//runtime/scheduler:runtime", "@libuv//:libuv"],
    "sync": ["//:sync", "//sync:sync", "//runtime/future:future", "//runtime/base:base"],
    "full": ["//:full", "//:rt", "//:sync", "//sync:sync", "//runtime/task:task"],
}
_LIBRARIES = ["//sync:sync", "//sync:mpsc", "//runtime/task:task", "//runtime/base:base", "//tools/bench:bench"]


def _failures(feature=None, label=None, libraries=_LIBRARIES):
    reached = {name: list(labels) for name, labels in _GOOD.items()}
    if feature:
        reached.setdefault(feature, []).append(label)
    return features.judge(reached, libraries).failures


class FeaturesTest(unittest.TestCase):

    def test_good_features_pass(self):
        self.assertEqual(_failures(), [])
        self.assertEqual(features.judge(_GOOD, _LIBRARIES).passed, 5)

    def test_rt_links_no_work_stealing_net_or_fs(self):
        for label in ("//runtime/scheduler:work_stealing", "//runtime/scheduler:run_queue", "//net:net", "//net:address",
                      "//fs:fs"):
            self.assertEqual(_failures("rt", label), ["//:rt links " + label])

    def test_sync_works_without_a_runtime(self):
        for label in ("//runtime/driver:clock", "//runtime/scheduler:core", "//time:sleep", "@libuv//:libuv"):
            self.assertEqual(_failures("sync", label), ["//:sync links " + label])

    def test_the_hub_of_signals_is_not_the_feature(self):
        # _GOOD has no rt_multi_thread: the first label makes it.
        self.assertEqual(_failures("rt_multi_thread", "//runtime/signal:hub"), [])
        self.assertEqual(_failures("rt_multi_thread", "//runtime/signal:signal"), ["//:rt_multi_thread links //runtime/signal:signal"])

    def test_no_feature_links_tests_or_tools(self):
        self.assertEqual(_failures("full", "@com_google_googletest//:gtest"), ["//:full links @com_google_googletest//:gtest"])
        self.assertEqual(_failures("rt", "//tools/bench:bench"), ["//:rt links //tools/bench:bench"])
        self.assertEqual(_failures("test_util", "@com_google_googletest//:gtest"), [])

    def test_each_feature_has_a_row(self):
        self.assertEqual(_failures("new", "//:new"), ["//:new has no row in features.py"])

    def test_full_is_everything(self):
        self.assertEqual(_failures(libraries=_LIBRARIES + ["//fs:fs"]), ["//:full does not link //fs:fs"])


if __name__ == "__main__":
    unittest.main()
