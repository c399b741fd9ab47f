#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Are a benchmark's ratios, verdicts and bench.csv right, and does it wait well?

Speaks TAP.  Run by tests/unit/bench_report.
"""
import os
import subprocess
import sys
import tempfile
import threading
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, "tests/bench")
import command  # noqa: E402
import results  # noqa: E402
import targets  # noqa: E402


def row(system, value, network="loopback"):
    return {"disks": "20us", "network": network, "system": system, "nodes": 2,
            "workload": "randwrite-qd32", "metric": "iops", "value": value,
            "unit": "1/s"}


def ratios_are_to_drbd_and_raw_of_the_same_place():
    rows = [row("qbd2", 30.0), row("raw", 60.0), row("drbd", 10.0),
            row("drbd", 5.0, "rtt"), row("qbd2", 4.0, "rtt")]
    results.add_ratios(rows)
    assert (rows[0]["vs_drbd"], rows[0]["vs_raw"]) == (3.0, 0.5)
    assert rows[4]["vs_drbd"] == 0.8
    assert rows[4]["vs_raw"] is None


def csv_has_its_columns_and_blanks_for_no_ratio():
    rows = [row("qbd2", 30.0), row("drbd", 10.0)]
    results.add_ratios(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bench.csv")
        results.write_csv(rows, path)
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
    assert lines == [
        "disks,network,system,nodes,workload,metric,value,unit,"
        "vs_drbd,vs_raw",
        "20us,loopback,qbd2,2,randwrite-qd32,iops,30,1/s,3.000,",
        "20us,loopback,drbd,2,randwrite-qd32,iops,10,1/s,1.000,"]


def targets_pass_miss_or_were_not_measured():
    rows = [row("qbd2", 20.0), row("qbd3", 13.0), row("drbd", 10.0)]
    results.add_ratios(rows)
    verdicts = {(line[0], line[1]): line[-1]
                for line in targets.check_targets(rows)}
    assert verdicts["qbd2", "randwrite-qd32"] == "pass"
    assert verdicts["qbd3", "randwrite-qd32"] == "miss"
    assert verdicts["qbd2", "fsync-qd1"] == "not measured"


def polling_does_not_mind_a_clock_that_runs_ahead():
    answers = iter([0, 0, 0, 4711])
    clock = iter(range(0, 10**6, 1000))
    said = []
    with mock.patch("time.monotonic", lambda: next(clock)), \
            mock.patch("time.sleep"), \
            mock.patch("command.say", said.append):
        assert command.poll("it comes", lambda: next(answers)) == 4711
    assert any("it comes" in line for line in said), said


def polling_ends_some_looks_after_what_it_needs():
    ended = threading.Event()
    looks = []

    def look():
        looks.append(ended.is_set())
        if len(looks) == 100:
            ended.set()

    with mock.patch("time.sleep"):
        try:
            command.poll("it comes", look, 0.1, while_on=ended)
            assert False, "it does not end"
        except command.Failure as failure:
            assert "it comes" in str(failure)
    assert looks.count(True) == 10, looks.count(True)


def programs_are_read_however_long_it_takes():
    with mock.patch("subprocess.run") as run, \
            mock.patch.dict("os.environ"):
        command.warm_up()
        assert int(os.environ["QBD_CLUSTER_PATIENCE"]) > 10000
    assert len(run.mock_calls) == len(command.PROGRAMS)
    assert not [call for call in run.mock_calls if call.kwargs.get("timeout")]


def clusters_patience_can_be_set():
    # As scripts/cluster has it: in a shell whose clock is past all limits.
    with open("scripts/cluster", encoding="utf-8") as file:
        text = file.read()
    begin = text.index("poll() {")
    poll = text[begin:text.index("\n}\n", begin) + 3]
    script = poll + """sleep() { SECONDS=$((SECONDS + 1000)); }
        tries=0
        look() { tries=$((tries + 1)); [ "$tries" -gt 3 ]; }
        poll 60 look"""
    for patience, status in ((None, 1), ("1000000", 0)):
        env = dict(os.environ)
        env.pop("QBD_CLUSTER_PATIENCE", None)
        if patience:
            env["QBD_CLUSTER_PATIENCE"] = patience
        done = subprocess.run(["bash", "-c", script], env=env, check=False)
        assert done.returncode == status, (patience, done.returncode)


TESTS = [ratios_are_to_drbd_and_raw_of_the_same_place,
         csv_has_its_columns_and_blanks_for_no_ratio,
         targets_pass_miss_or_were_not_measured,
         polling_does_not_mind_a_clock_that_runs_ahead,
         polling_ends_some_looks_after_what_it_needs,
         programs_are_read_however_long_it_takes,
         clusters_patience_can_be_set]


def main():
    failed = 0
    print(f"TAP version 13\n1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except AssertionError as error:
            print(f"not ok {number} - {test.__name__} "
                  f"(line {error.__traceback__.tb_next.tb_lineno})")
            failed = 1
    sys.exit(failed)


main()
