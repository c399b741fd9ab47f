# SPDX-License-Identifier: GPL-2.0
"""The quick start of README.md, block by block, as printed.  The first two -
the packages, the building - were run when the disk was made (scripts/image),
natively; what is left runs here.  Only the disk's name is put in its place.
"""
import pathlib
import re
from guest import Failure

README = pathlib.Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^<!-- ci: (\w+) -->\n```\w*\n(.*?)^```$",
                   re.MULTILINE | re.DOTALL)
BUILT = ["packages", "build"]


def blocks():
    """(where, text) of each block that is marked for us, in order."""
    found = BLOCK.findall(README.read_text())
    if [where for where, _ in found[:2]] != BUILT:
        raise Failure("README.md: the quick start does not begin with "
                      "the packages and the building")
    return [(where, text.replace("/dev/sdb", "/dev/vdb"))
            for where, text in found[2:]]


def configure(rig, text):
    rig.each(f"cat >/etc/qbd/vol0.conf <<'END'\n{text}END\n")


def test_quick_start_works_as_printed(rig):
    rig.boot()
    seen = set()
    for where, text in blocks():
        seen.add(where)
        if where == "conf":
            configure(rig, text)
        elif where == "each":
            for guest in rig.guests:
                guest.login(text)
        else:
            getattr(rig, where).login(text)
    if seen != {"conf", "each", "alpha", "beta"}:
        raise Failure(f"README.md has blocks only for {', '.join(seen)}")
