"""Tests of what `compare` reads, reckons, judges and writes. The programs it runs are scripts made here."""

import contextlib
import io
import math
import os
import stat
import sys
import tempfile
import types
import unittest
import unittest.mock
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from compare_lib import figures, gates, main, picture, report, systems, verdict  # noqa: E402

ALL = list(gates.SYSTEMS)
ROWS = {row.name: row for row in gates.load()}


def cell(name, threads=0, **rounds):
    return verdict.Cell(ROWS[name], threads, rounds)


class ParseTest(unittest.TestCase):
    def parse(self, name, line, threads=0):
        return figures.parse_line(line, ROWS[name], threads)

    def test_time(self):
        self.assertEqual(self.parse("yield", "yield 0 4000000 0.1600 40.0\n"), 40.0)

    def test_last_sleep_is_taken_off(self):
        self.assertAlmostEqual(self.parse("timer_fire", "timer_fire 2 200000 0.1800 900.0", 2), 400.0)

    def test_time_below_what_must_pass_is_refused(self):
        with self.assertRaises(figures.BadLine):
            self.parse("timer_fire", "timer_fire 2 200000 0.0900 450.0", 2)

    def test_bytes(self):
        self.assertEqual(self.parse("idle_tasks", "idle_tasks 0 1000000 150 bytes_per_task"), 150.0)

    def test_refused_lines(self):
        for line in ("", "yield 0 4000000 0.16", "yield 2 4000000 0.16 40.0", "oneshot 0 4000000 0.16 40.0",
                     "yield 0 many 0.16 40.0", "yield 0 0 0.16 40.0", "yield 0 4000000 nan nan",
                     "yield 0 4000000 0.1600 30.0", "yield 0 4000000 -0.1600 -40.0"):
            with self.subTest(line), self.assertRaises(figures.BadLine):
                self.parse("yield", line)

    def test_bytes_need_their_unit(self):
        with self.assertRaises(figures.BadLine):
            self.parse("idle_tasks", "idle_tasks 0 1000000 0.1 100.0")

    def test_load(self):
        self.assertEqual(figures.parse_load("64 200000 2.0000 100000.0\n"), 10000.0)
        for line in ("", "64 0 2.0 0.0", "64 1 2.0 x"):
            with self.subTest(line), self.assertRaises(figures.BadLine):
                figures.parse_load(line)


class ReckoningTest(unittest.TestCase):
    def test_median_leaves_failures_out(self):
        self.assertEqual(figures.median([3, None, 1, 2]), 2)
        self.assertIsNone(figures.median([None]))
        self.assertIsNone(figures.median([]))

    def test_ratios_are_paired_by_round(self):
        # The machine was half as fast in the second round; the ratio does not show it.
        self.assertEqual(figures.paired_ratios([1, 2, 1], [2, 4, None]), [0.5, 0.5])

    def test_rounds_without_a_partner_are_left_out(self):
        self.assertEqual(figures.paired_ratios([1, 1, 1], [2]), [0.5])

    def test_interval_of_21_rounds_is_the_sixth_and_the_sixteenth(self):
        self.assertEqual(figures.interval(range(1, 22)), (6, 16))

    def test_interval_of_few_rounds_is_the_range(self):
        self.assertEqual(figures.interval([5, 1, 3, 2, 4]), (1, 5))
        self.assertEqual(figures.interval([1, 2, 3, 4, 5, 6]), (1, 6))
        self.assertEqual(figures.interval([7]), (7, 7))
        self.assertIsNone(figures.interval([]))

    def test_interval_covers_what_it_claims(self):
        for n in range(6, 40):
            low, high = figures.interval(range(n))
            outside = sum(math.comb(n, k) for k in range(low + 1)) / 2**n
            self.assertEqual(low + high, n - 1)
            self.assertLessEqual(2 * outside, 0.05)
            narrower = outside + math.comb(n, low + 1) / 2**n
            self.assertGreater(2 * narrower, 0.05)

    def test_geometric_mean(self):
        self.assertAlmostEqual(figures.geometric_mean([0.25, 1.0]), 0.5)
        self.assertIsNone(figures.geometric_mean([]))


class GatesTest(unittest.TestCase):
    def test_the_table_is_read(self):
        self.assertEqual(ROWS["echo_64"].ratios, {"tokio": 1.0, "raw": 1.05})
        self.assertEqual(ROWS["idle_conns"].most_bytes, 1700)
        self.assertEqual(ROWS["timer_churn"].other_work, {"asio", "go"})
        self.assertEqual(ROWS["serve_echo"].threads, (0,))

    def test_the_ground_set(self):
        ground = [row.name for row in gates.choose(gates.load(), None)]
        self.assertEqual(len(ground), 27)
        self.assertNotIn("fs_read", ground)

    def test_choice(self):
        self.assertEqual([r.name for r in gates.choose(gates.load(), "notify,yield")], ["notify", "yield"])
        self.assertEqual(len(gates.choose(gates.load(), "all")), len(ROWS))
        with self.assertRaisesRegex(ValueError, "nonsense"):
            gates.choose(gates.load(), "yield,nonsense")

    def test_mistakes_in_the_table(self):
        good = "a\tground\t0\tns\ttokio:0.4\t-"
        self.assertEqual(gates.parse(f"# note\n\n{good}\n")[0].ratios, {"tokio": 0.4})
        for bad in (f"{good}\n{good}", "a\tground\t0\tns\ttokio:0.4", good.replace("tokio", "tokyo"),
                    good.replace("ns", "furlongs"), good.replace("ground", "soon"), good.replace("\t-", "\tgoo")):
            with self.subTest(bad), self.assertRaises(ValueError):
                gates.parse(bad)


class VerdictTest(unittest.TestCase):
    def status(self, tested, asked=None):
        return verdict.judge(tested, asked or ALL).status

    def test_at_the_gate_is_met_and_above_is_missed(self):
        self.assertEqual(self.status(cell("yield", kioto=[60], tokio=[100])), verdict.MET)
        self.assertEqual(self.status(cell("yield", kioto=[61], tokio=[100])), verdict.MISSED)

    def test_missing_rows_and_rounds_count_as_behind(self):
        for rounds in ({}, {"kioto": []}, {"kioto": [None]}, {"kioto": [1, None]}):
            with self.subTest(rounds):
                tested = cell("yield", tokio=[100, 100], **rounds)
                self.assertEqual(self.status(tested), verdict.MISSING)
                self.assertEqual(report.behind([tested], ALL), 1)

    def test_a_peer_that_failed_is_no_excuse(self):
        self.assertEqual(self.status(cell("yield", kioto=[1], tokio=[None])), verdict.MISSED)

    def test_a_peer_that_was_not_asked_for_is_not_judged(self):
        self.assertEqual(self.status(cell("yield", kioto=[1]), ["kioto", "raw"]), verdict.UNJUDGED)
        self.assertEqual(self.status(cell("yield", tokio=[1]), ["tokio"]), verdict.UNJUDGED)

    def test_no_like_for_like_peer_may_be_faster(self):
        self.assertEqual(self.status(cell("yield", kioto=[50], tokio=[100], go=[49])), verdict.MISSED)
        self.assertEqual(self.status(cell("yield", kioto=[50], tokio=[100], go=[51])), verdict.MET)

    def test_other_work_is_for_information(self):
        self.assertEqual(self.status(cell("yield", kioto=[50], tokio=[100], asio=[10])), verdict.MET)

    def test_echo_is_held_to_the_bare_loop_too(self):
        self.assertEqual(self.status(cell("echo_64", kioto=[104], tokio=[105], raw=[100])), verdict.MET)
        self.assertEqual(self.status(cell("echo_64", kioto=[106], tokio=[107], raw=[100])), verdict.MISSED)
        self.assertEqual(self.status(cell("echo_64", kioto=[104], tokio=[103], raw=[100])), verdict.MISSED)

    def test_bytes_have_an_absolute_gate(self):
        self.assertEqual(self.status(cell("idle_tasks", kioto=[160], tokio=[100])), verdict.MET)
        self.assertEqual(self.status(cell("idle_tasks", kioto=[161], tokio=[900])), verdict.MISSED)

    def test_best_peer_is_like_for_like(self):
        tested = cell("yield", kioto=[30], tokio=[100], go=[60], asio=[10], raw=[1])
        self.assertEqual((tested.best_peer(), tested.ratio("go")), ("go", 0.5))

    def ground(self, ours):
        return [verdict.Cell(row, n, {"kioto": [ours], "tokio": [100]})
                for row in gates.choose(gates.load(), None) for n in row.threads]

    def test_mean(self):
        self.assertEqual(verdict.judge_mean(self.ground(50), ALL).status, verdict.MET)
        self.assertEqual(verdict.judge_mean(self.ground(51), ALL).status, verdict.MISSED)

    def test_mean_is_spoilt_by_one_missing_row(self):
        cells = self.ground(10)
        cells[3].rounds["kioto"] = [None]
        self.assertEqual(verdict.judge_mean(cells, ALL).status, verdict.MISSING)

    def test_mean_of_a_choice_of_rows_is_not_judged(self):
        self.assertEqual(verdict.judge_mean(self.ground(90)[1:], ALL).status, verdict.UNJUDGED)
        self.assertEqual(verdict.judge_mean(self.ground(90), ["tokio", "go"]).status, verdict.UNJUDGED)


class ReportTest(unittest.TestCase):
    cells = [cell("yield", kioto=[50, 50], tokio=[100, 100], go=[40, 40], asio=[10, 10]),
             cell("echo_64", 2, kioto=[104] * 21, tokio=[105] * 21, raw=[100] * 21),
             cell("idle_tasks", kioto=[150], tokio=[300]), cell("notify", tokio=[100])]

    def test_markdown(self):
        text = report.markdown(self.cells, ALL, ["a note"])
        self.assertIn("a note", text)
        self.assertRegex(text, r"\| yield .*\| +10.0° .*\| 0.50 +\| 1.25 \(go\) +\| 0.6 × tokio +\| MISSED")
        self.assertRegex(text, r"\| echo_64 .*0.990 \[0.990, 0.990\].*\| met")
        self.assertRegex(text, r"\| notify .*\| MISSING")
        self.assertIn("counts as behind: notify (0)", text)
        self.assertIn("1.250 [1.250, 1.250] of go, at most 1", text)
        rows = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len({len(line) for line in rows}), 1)

    def test_tsv_has_every_round(self):
        lines = report.tsv(self.cells, ALL).splitlines()
        self.assertEqual(len(lines), 1 + 8 + 63 + 2 + 1)
        self.assertEqual({line.count("\t") for line in lines}, {5})
        self.assertIn("yield\t0\tns\tgo\t2\t40.00", lines)

    def test_picture_is_well_formed_and_inside(self):
        svg = picture.svg([*self.cells, cell("oneshot", kioto=[1], tokio=[1000], go=[1e6])], ALL)
        root = xml.etree.ElementTree.fromstring(svg)
        space = "{http://www.w3.org/2000/svg}"
        for circle in root.iter(space + "circle"):
            self.assertTrue(0 <= float(circle.get("cx")) <= picture.WIDTH)
        text = [t.text for t in root.iter(space + "text")]
        self.assertIn("0.50 MISSED", text)
        self.assertIn("MISSING", text)

    def test_picture_without_kioto(self):
        xml.etree.ElementTree.fromstring(picture.svg(self.cells, ["tokio", "go"]))


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.log = os.path.join(self.folder, "log")

    def program(self, name, body, interpreter="/bin/sh"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!{interpreter}\n{body}\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def logged(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read().split()

    def timed(self, name, ns):
        seconds = ns * 4e6 / 1e9
        return self.program(name, f'echo {name} >>{self.log}; echo "$1 $2 4000000 {seconds:.4f} {ns}.0"')

    def options(self, names, rounds=2, echo_rounds=4):
        return types.SimpleNamespace(systems=names, rounds=rounds, echo_rounds=echo_rounds)

    def test_systems_take_turns(self):
        programs = {"kioto": self.timed("k", 20), "tokio": self.timed("t", 40), "go": self.timed("g", 50)}
        found = main.measure(programs, ROWS["yield"], 0, self.options(["kioto", "tokio", "go"], 3))
        self.assertEqual(self.logged(), ["k", "t", "g"] * 3)
        self.assertEqual(found.rounds, {"kioto": [20.0] * 3, "tokio": [40.0] * 3, "go": [50.0] * 3})

    def test_echo_rows_take_more_rounds_where_they_are_gated(self):
        programs = {"kioto": self.timed("k", 20), "tokio": self.timed("t", 40), "go": self.timed("g", 50)}
        main.measure(programs, ROWS["echo_64"], 0, self.options(["kioto", "tokio", "go"]))
        self.assertEqual(self.logged(), ["k", "t", "g"] * 2 + ["k", "t"] * 2)

    def test_a_system_without_the_row_is_left_out(self):
        programs = {"kioto": self.timed("k", 20), "go": self.program("g", "echo usage: me >&2; exit 2")}
        found = main.measure(programs, ROWS["yield"], 0, self.options(["kioto", "go"]))
        self.assertEqual(list(found.rounds), ["kioto"])

    def test_failures_are_no_figures(self):
        for body in ("echo wrong result >&2; exit 2", "echo yield 0 1", "exit 0", "kill -9 $$"):
            with self.subTest(body):
                programs = {"kioto": self.program("k", body)}
                found = main.measure(programs, ROWS["yield"], 0, self.options(["kioto"]))
                self.assertEqual(found.rounds, {"kioto": [None]})
        found = main.measure({"kioto": None}, ROWS["yield"], 0, self.options(["kioto"]))
        self.assertEqual(found.rounds, {"kioto": [None]})

    def test_files_lie_in_memory_where_there_is_room(self):
        program = {"kioto": self.program("k", f'echo "${{TMPDIR:-none}}" >>{self.log}; echo "$1 $2 1000 0.001 1000.0"')}
        with unittest.mock.patch.multiple(systems, MEMORY_FOLDER=self.folder, MEMORY_BYTES=1):
            systems.run(program, "kioto", ROWS["fs_walk"], 0)
            systems.run(program, "kioto", ROWS["fs_read"], 0)
        with unittest.mock.patch.multiple(systems, MEMORY_FOLDER=self.folder, MEMORY_BYTES=1 << 62):
            systems.run(program, "kioto", ROWS["fs_walk"], 0)
        usual = os.environ.get("TMPDIR", "none")
        self.assertEqual(self.logged(), [self.folder, usual, usual])

    def test_served_row_runs_server_and_load(self):
        server = self.program("server", "\n".join([
            "import socket, sys", "host, port = sys.argv[3].split(':')",
            "listener = socket.create_server((host, int(port)))", "while True: listener.accept()",
        ]), sys.executable)
        load = self.program("load", 'echo "$2 1000 $3 100000.0"')
        programs = {"kioto": server, "echo_load": load}
        self.assertEqual(systems.run(programs, "kioto", ROWS["serve_echo"], 0), 10000.0)

    def http_server(self, reply):
        return self.program("server", "\n".join([
            "import http.server, sys", "class Handler(http.server.BaseHTTPRequestHandler):", "    def do_GET(self):",
            "        self.send_response(200)", "        self.end_headers()", f"        self.wfile.write({reply!r})",
            "host, port = sys.argv[3].split(':')", "http.server.HTTPServer((host, int(port)), Handler).serve_forever()",
        ]), sys.executable)

    def test_http_row_runs_wrk(self):
        programs = {"kioto": self.http_server(b"Hello, World!"), "echo_load": "/bin/false",
                    "wrk": self.program("wrk", 'echo "Requests/sec: 100000.00"')}
        self.assertEqual(systems.run(programs, "kioto", ROWS["serve_http"], 0), 10000.0)

    def test_http_replies_are_checked(self):
        programs = {"kioto": self.http_server(b"Hello"), "echo_load": "/bin/false", "wrk": "/bin/true"}
        with self.assertRaisesRegex(systems.Failed, "reply"):
            systems.run(programs, "kioto", ROWS["serve_http"], 0)

    def test_server_that_ends_is_a_failure(self):
        programs = {"kioto": self.program("server", "exit 3"), "echo_load": self.program("load", "echo")}
        with self.assertRaisesRegex(systems.Failed, "status 3"):
            systems.run(programs, "kioto", ROWS["serve_echo"], 0)

    def test_server_without_the_row(self):
        programs = {"kioto": self.program("server", "echo usage: >&2; exit 2"), "echo_load": "/bin/true"}
        with self.assertRaises(systems.NoSuchRow):
            systems.run(programs, "kioto", ROWS["serve_echo"], 0)

    def test_results_are_written(self):
        options = self.options(ALL)
        options.out = os.path.join(self.folder, "out")
        main.write([cell("yield", kioto=[50], tokio=[100])], options, [])
        self.assertEqual(sorted(os.listdir(options.out)), ["compare.md", "compare.svg", "compare.tsv"])

    def test_status(self):
        programs = {"kioto": self.timed("k", 20), "tokio": self.timed("t", 40), "slow": self.timed("s", 30)}
        out = ["--out", os.path.join(self.folder, "out"), "--threads", "0", "--rounds", "2"]
        for wanted, row, kioto, asked in ((0, "yield", "kioto", "kioto,tokio"), (1, "yield", "slow", "kioto,tokio"),
                                          (1, "yield", "kioto", "kioto"), (1, "idle_tasks", "kioto", "kioto,tokio")):
            built = {"kioto": programs[kioto], "tokio": programs["tokio"]}
            with self.subTest(row=row, asked=asked), unittest.mock.patch.object(systems, "build", return_value=built), \
                    contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(main.main([*out, "--rows", row, "--systems", asked]), wanted)

    def test_system_names(self):
        self.assertEqual(systems.systems_named("raw,kioto"), ["kioto", "raw"])
        with self.assertRaisesRegex(ValueError, "tokyo"):
            systems.systems_named("tokyo")


if __name__ == "__main__":
    unittest.main()
