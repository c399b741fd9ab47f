#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the tests of tests/boot, in the order of MODULES, on machines that are
booted once: a test leaves them as its module says.  Called by scripts/boot.

Prints TAP.  A kernel's complaint on any console fails the test that was
running, and after a failure all machines get new disks.
"""
import argparse
import pathlib
import signal
import sys
import time
import traceback
from guest import NAMES, Failure
from rig import Rig
import agent
import boot
import layers
import quickstart
import shutdown
import units

MODULES = (quickstart, units, agent, layers, shutdown, boot)


def collect(options):
    """(name, function) of each test that is wanted."""
    found = [(name.removeprefix("test_"), function)
             for module in MODULES
             for name, function in vars(module).items()
             if name.startswith("test_")]
    unknown = set(options.tests) - {name for name, _ in found}
    if unknown:
        sys.exit(f"boot: no such test: {', '.join(sorted(unknown))}")
    return [(name, function) for name, function in found
            if (name in options.tests if options.tests
                else options.long or not getattr(function, "long", False))]


def note(text):
    for line in text.splitlines():
        print(f"# {line}", flush=True)


def tell_state(rig):
    """What one looks at first."""
    for guest in rig.guests:
        if guest.runs():
            _, said = guest.order(
                "systemctl list-jobs; systemctl --failed; qbd status; "
                "dmesg --level=err,warn | tail -n 20; "
                "journalctl -b -o short-monotonic -n 60 -u 'qbd*' -u srv.mount")
            note(f"{guest.name}:\n{said}")


def run_test(function, rig):
    """Returns whether it passed."""
    known = len(rig.complaints())
    passed = False
    try:
        function(rig)
        passed = True
    except Failure as failure:
        where = traceback.extract_tb(failure.__traceback__)
        lines = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
                 for frame in where[1:]]
        note(f"failed at {', '.join(lines)}: {failure}")
    except Exception:
        note(traceback.format_exc())
    if not passed:
        try:
            tell_state(rig)
        except Failure as failure:
            note(str(failure))
    for complaint in rig.complaints()[known:]:
        note(f"kernel: {complaint}")
        passed = False
    return passed


def run_tests(tests, rig):
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, (name, function) in enumerate(tests, 1):
        started = time.monotonic()
        passed = run_test(function, rig)
        if not passed:
            failed += 1
            rig.renew()
        print(f"{'' if passed else 'not '}ok {number} - {name} "
              f"# {time.monotonic() - started:.0f} s", flush=True)
    return failed


def shell(rig):
    """Lines of "GUEST COMMAND" from the standard input."""
    rig.boot()
    for line in sys.stdin:
        name, _, command = line.strip().partition(" ")
        guest = {guest.name: guest for guest in rig.guests}.get(name)
        try:
            print(guest.order(command)[1] if guest else
                  f"write GUEST COMMAND, GUEST one of {', '.join(NAMES)}")
        except (Failure, OSError) as failure:  # it may have no power
            print(failure)
        sys.stdout.flush()
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    tests = collect(options)
    if options.list:
        for name, function in tests:
            print(f"{name}: {(function.__doc__ or '').strip()}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rig = Rig(options.dir)
    try:
        if options.shell:
            return shell(rig)
        return 1 if run_tests(tests, rig) else 0
    finally:
        rig.kill()


sys.exit(main())
