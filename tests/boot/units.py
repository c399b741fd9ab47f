# SPDX-License-Identifier: GPL-2.0
"""What systemd itself says of the units."""
import re
import volume
from guest import Failure
from volume import UNIT

EXPOSURE_MAX = 4.0


def test_units_are_without_fault(rig):
    volume.ready(rig)
    said = rig.alpha.run(
        "cd /usr/lib/systemd/system && systemd-analyze verify "
        "$(ls | grep ^qbd | sed 's/@\\./@vol0./') 2>&1")
    if said.strip():
        raise Failure(said)


def test_agent_without_a_configuration_fails_to_start(rig):
    volume.ready(rig)
    status, said = rig.alpha.order("systemctl start qbd@nosuch")
    if status == 0 or "Assertion failed" not in said:
        raise Failure(f"status {status}: {said}")


def test_agent_is_exposed_little(rig):
    volume.ready(rig)
    said = rig.alpha.run(f"systemd-analyze security --no-pager {UNIT}")
    score = float(re.search(r"exposure level.*: ([\d.]+)", said)[1])
    print(f"# systemd-analyze security: {score}", flush=True)
    if score > EXPOSURE_MAX:
        raise Failure(said)
