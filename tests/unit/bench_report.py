#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Are a benchmark's ratios, verdicts and bench.csv right?

Speaks TAP.  Run by tests/unit/bench_report.
"""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, "tests/bench")
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


TESTS = [ratios_are_to_drbd_and_raw_of_the_same_place,
         csv_has_its_columns_and_blanks_for_no_ratio,
         targets_pass_miss_or_were_not_measured]


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
