"""Reads what a traced program has written: chrome_trace_file_test.py PROGRAM"""

import collections
import json
import os
import subprocess
import sys

PAIRS, ROUNDS = 20, 50  # of the program


def run(program, mode):
    """Returns the trace's events and its count of those that were dropped."""
    path = os.path.join(os.environ["TEST_TMPDIR"], mode + ".json")
    said = subprocess.run([program, path, mode], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
    with open(path, encoding="utf-8") as file:
        trace = json.load(file)
    dropped = trace["otherData"]["dropped_events"]
    if said:
        assert mode == "early" or int(said) == dropped, (said, dropped)
    return trace["traceEvents"], dropped


def check_threads(events, all_ended):
    """Slices of a thread nest, and each end is that of the last begin. Returns the names of the rows."""
    rows = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    stacks = collections.defaultdict(list)
    last = collections.defaultdict(float)
    for event in events:
        if event["ph"] == "M":
            continue
        tid = event["tid"]
        assert tid in rows, event
        assert event["ts"] >= last[tid], "time goes back on a row: %s" % event
        last[tid] = event["ts"]
        if event["ph"] == "B":
            stacks[tid].append(event)
        elif event["ph"] == "E":
            begin = stacks[tid].pop()
            if event["args"].get("result") == "open":
                continue
            assert begin["cat"] == event["cat"], (begin, event)
            key = {"poll": "task", "span": "span", "worker": "worker"}[event["cat"]]
            assert begin["args"][key] == event["args"][key], (begin, event)
    if all_ended:
        assert not any(stacks.values()), stacks
    return set(rows.values())


def check_pairs(events):
    """Tasks and spans begin once and end once. Returns the begins and the ends."""
    begun = {(e["cat"], e["id"]): e for e in events if e["ph"] == "b"}
    ended = {(e["cat"], e["id"]): e for e in events if e["ph"] == "e"}
    assert begun.keys() == ended.keys()
    assert len(begun) == sum(e["ph"] == "b" for e in events), "one began twice"
    for key, event in begun.items():
        assert event["name"] == ended[key]["name"]
        assert event["ts"] <= ended[key]["ts"]
    return begun, ended


def check_lives(events):
    """And what happens to them happens between. Returns the tasks."""
    begun, ended = check_pairs(events)
    tasks = {id_: e for (cat, id_), e in begun.items() if cat == "task"}
    for event in events:
        if event["ph"] == "B" and event["cat"] != "worker":
            key = ("task", event["args"]["task"]) if event["cat"] == "poll" else ("span", event["args"]["span"])
            assert begun[key]["ts"] <= event["ts"] <= ended[key]["ts"], event
            assert event["name"] == begun[key]["name"]
            assert event["args"]["task"] in tasks
    return tasks


def check_span_in_task(events):
    """A span is entered within a poll of its own task, and the spans of the program one inside the other."""
    stacks = collections.defaultdict(list)
    names = collections.Counter()
    for event in events:
        stack = stacks[event.get("tid")]
        if event["ph"] == "B":
            if event["cat"] == "span":
                assert stack[0]["cat"] == "poll" and stack[0]["args"]["task"] == event["args"]["task"], (stack, event)
                assert [e["name"] for e in stack[1:]] == ([] if event["name"] == "round" else ["round"]), (stack, event)
            stack.append(event)
        elif event["ph"] == "E":
            stack.pop()
        if event["ph"] == "b" and event["cat"] == "span":
            names[event["name"]] += 1
    wanted = 2 * PAIRS * ROUNDS
    assert names == {"round": wanted, "tell": wanted, "hear": wanted}, names


def main(program):
    events, dropped = run(program, "close")
    assert dropped == 0
    rows = check_threads(events, all_ended=True)
    assert "kioto-blocking" in rows and rows & {"kioto-worker-0", "kioto-worker-1"}, rows  # the other may come too late
    tasks = check_lives(events)
    check_span_in_task(events)
    names = collections.Counter(e["name"] for e in tasks.values())
    assert names['ping "?"'] == PAIRS, names
    unnamed = [e for e in tasks.values() if e["name"].startswith("traced_program.cc:")]
    assert len(unnamed) == PAIRS + 1, names  # and the blocking job
    assert all("traced_program.cc:" in e["args"]["spawned_at"] for e in tasks.values())
    assert any(e["ph"] == "i" and e["cat"] == "wake" for e in events)

    events, dropped = run(program, "small")
    assert dropped > 1000, dropped
    pairs = len(check_pairs(events)[0])  # of each, no more than one half came after the last event that may be written
    assert 500 <= sum(e["ph"] != "M" for e in events) < 520 + pairs, (len(events), pairs)
    check_threads(events, all_ended=True)

    events, dropped = run(program, "killed")
    check_threads(events, all_ended=False)

    events, dropped = run(program, "early")
    check_threads(events, all_ended=True)


if __name__ == "__main__":
    main(sys.argv[1])
