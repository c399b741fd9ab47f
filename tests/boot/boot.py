# SPDX-License-Identifier: GPL-2.0
"""The machines come up, with and without each other."""
import volume
from guest import Failure, poll
from volume import DEVICE, LOSSES, UNIT, WAIT, Writer


def test_mount_comes_back_after_power_loss_of_one(rig):
    volume.ready(rig)
    with Writer(rig.alpha) as writer:
        writer.goes_on(20)
        written = writer.written()[0]
        rig.alpha.kill()
    rig.boot()
    volume.wait_mounted(rig.alpha)
    writer.check(written)


def test_mount_waits_for_peers_after_power_loss_of_all(rig):
    volume.ready(rig)
    with Writer(rig.alpha) as writer:
        writer.goes_on(20)
        written = writer.written()[0]
        rig.kill()
    rig.alpha.start()
    rig.alpha.wait_booted()
    volume.state_is(rig.alpha, "no-quorum")
    if "srv.mount" not in rig.alpha.run("systemctl list-jobs"):
        raise Failure("the mount does not wait")
    rig.beta.start()
    rig.beta.wait_booted()
    volume.wait_mounted(rig.alpha)
    writer.check(written)
    rig.boot()


def comes_up_late(guest, take_away, bring_back):
    """@guest's agent is started without something that comes after a while."""
    guest.run(f"systemctl stop {UNIT}")
    guest.run(take_away)
    guest.run(f"systemctl start --no-block {UNIT}")
    poll(240, lambda: int(guest.run(f"systemctl show -P NRestarts {UNIT}")) > 5
         or guest.order(f"systemctl --quiet is-active {UNIT}")[0] == 0,
         "six failed starts, or one that waits", period=2)
    guest.run(bring_back)
    volume.state_is(guest, "ok", "degraded")


def test_agent_comes_up_when_its_disk_appears(rig):
    volume.ready(rig)
    comes_up_late(rig.gamma,
                  'echo 1 >"$(realpath /sys/block/vdb/device/..)/remove"; '
                  "until [ ! -e /dev/vdb ]; do sleep 0.2; done",
                  "echo 1 >/sys/bus/pci/rescan")


def test_agent_comes_up_when_its_address_appears(rig):
    volume.ready(rig)
    link = "$(ls /sys/class/net | grep -v lo)"
    comes_up_late(rig.gamma,
                  f"ip address del 192.0.2.3/24 dev {link}",
                  f"ip address add 192.0.2.3/24 dev {link}")


def test_mount_without_netdev_comes_up_at_boot(rig):
    volume.ready(rig)
    volume.fstab(rig.alpha, volume.RECIPE.replace("_netdev,", ""))
    rig.alpha.reboot()
    volume.wait_mounted(rig.alpha)
    volume.fstab(rig.alpha)


def test_luks_on_the_volume_comes_up_at_boot(rig):
    """By the README's recipe, but for a key in a file."""
    volume.ready(rig)
    alpha = rig.alpha
    override = "/etc/systemd/system/systemd-cryptsetup@safe.service.d"
    alpha.run("systemctl stop srv.mount")
    alpha.run("echo not much of a secret >/etc/key && cryptsetup luksFormat "
              "--batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
              f"{DEVICE} /etc/key")
    alpha.run(f"mkdir -p {override} && printf '[Unit]\nRequires={WAIT}\n"
              f"After={WAIT}\n' >{override}/override.conf && "
              f"echo 'safe {DEVICE} /etc/key _netdev,nofail' >/etc/crypttab")
    volume.fstab(alpha, "_netdev,nofail", "/dev/mapper/safe")
    alpha.run("systemctl start systemd-cryptsetup@safe && "
              "mkfs.ext4 -q /dev/mapper/safe && systemctl start srv.mount && "
              "echo kept >/srv/note")
    alpha.run("systemctl reboot --no-block")
    alpha.wait_off()
    lost = LOSSES.findall(alpha.console())
    if lost:
        raise Failure(f"{lost}:\n{alpha.console_end()}")
    rig.boot()
    volume.wait_mounted(alpha)
    alpha.run("grep -qx kept /srv/note")
    alpha.run("systemctl stop srv.mount systemd-cryptsetup@safe && "
              f"rm -r {override} /etc/crypttab")
    volume.fstab(alpha, "")


for function in (test_mount_comes_back_after_power_loss_of_one,
                 test_mount_waits_for_peers_after_power_loss_of_all,
                 test_agent_comes_up_when_its_disk_appears,
                 test_agent_comes_up_when_its_address_appears,
                 test_mount_without_netdev_comes_up_at_boot,
                 test_luks_on_the_volume_comes_up_at_boot):
    function.long = True
