"""Tests of curves: its rows are rows of kioto_bench, and its picture is one. The sources of kioto_bench are the arguments."""

import importlib.machinery
import importlib.util
import os
import re
import sys
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True

SOURCES = sys.argv[1:]
sys.argv[1:] = []


def _load(name):
    """The module that the program beside this file is."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


curves = _load("curves")


class CurvesTest(unittest.TestCase):

    def test_rows_are_known(self):
        known = set()
        for path in SOURCES:
            with open(path, encoding="utf-8") as file:
                for rows in re.findall(r"^const Row k\w+\[\] = \{(.*?)^\};", file.read(), re.M | re.S):
                    known.update(re.findall(r'\{"(\w+)", \w+\}', rows))
        self.assertIn("yield", known)
        for axis, lines in curves.curves().items():
            for line, points in lines.items():
                self.assertTrue(points, line)
                for _, arguments in points:
                    self.assertIn(arguments[0], known, axis)
        self.assertIn("serve_echo", known)  # the server that stands apart

    def test_picture_is_well_formed_and_inside(self):
        svg = curves.svg({"tasks": {"spawn_join 0": [(1000, 50.0), (10000, 60.0)], "spawn_join 2": [(1000, 9.0)]}, "workers": {"one": [(1, 1.0)]}})
        root = xml.etree.ElementTree.fromstring(svg)
        space = "{http://www.w3.org/2000/svg}"
        lines = list(root.iter(space + "polyline"))
        self.assertEqual(len(lines), 3)
        for line in lines:
            for point in line.get("points").split():
                x, y = map(float, point.split(","))
                self.assertTrue(0 <= x <= curves.WIDTH and 0 <= y <= 2 * curves.HEIGHT, point)

    def test_axes_are_chosen(self):
        self.assertEqual(curves.arguments(["--only", "timers"]).only, ["timers"])


if __name__ == "__main__":
    unittest.main()
