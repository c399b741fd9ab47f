# SPDX-License-Identifier: GPL-2.0
"""What is put on the volume - a filesystem by its UUID, LVM, md - with Debian's
defaults and what we install; and that the replicas' disks show none of it.
"""
import re
import volume
from guest import Failure
from volume import DEVICE, WAIT

DISK = "/dev/vdb"
UUID = "5e4f9a52-8f7e-4d3a-9a76-0d8d2c6f4b11"
LV = "/dev/data/lv"
VG_UNIT = f"""[Unit]
Requires={WAIT}
After={WAIT}
Before=remote-fs-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=vgchange -aay data
ExecStop=vgchange -an data
"""


def emptied(rig):
    """The volume, with nothing on it, not mounted, to alpha's disposal."""
    volume.ready(rig)
    rig.each("modprobe -a dm_mod raid1")
    rig.alpha.run("systemctl stop srv.mount")
    volume.fstab(rig.alpha, "")
    rig.alpha.run(f"wipefs --all {DEVICE} && "
                  f"dd if=/dev/zero of={DEVICE} bs=1M count=4 oflag=direct "
                  "status=none && udevadm settle")
    return rig.alpha


def replicas_show_nothing(rig, *traces):
    """Nor has udev a link to them, nor does a scan find @traces there."""
    for guest in rig.guests:
        found = guest.order(f"blkid --probe {DISK}")[1].strip()
        if found:
            raise Failure(f"{guest.name}: the replica's disk is: {found}")
        guest.run(f"udevadm trigger --action=change --settle {DISK}")
        found = guest.run(f"lsblk --fs --noheadings --nodeps {DISK}").split()
        if found != [DISK.rpartition("/")[2]]:
            raise Failure(f"{guest.name}: lsblk shows {' '.join(found)}")
        links = guest.run(f"udevadm info --query=symlink {DISK}")
        for word in ("by-uuid", "by-label", "lvm-pv", "md-uuid", *traces):
            if word in links:
                raise Failure(f"{guest.name}: {DISK} has the link {links}")


def holds(guest, path, text):
    """@path is mounted and unmounted on @guest, and has the note."""
    guest.run(f"mount {path} /mnt && grep -qx {text} /mnt/note && umount /mnt")


def test_filesystem_is_known_by_uuid_on_the_device_alone(rig):
    alpha = emptied(rig)
    alpha.run(f"mkfs.ext4 -q -F -U {UUID} -L lively {DEVICE} && "
              "udevadm settle")
    for link in (f"by-uuid/{UUID}", "by-label/lively"):
        to = alpha.run(f"readlink --canonicalize /dev/disk/{link}").strip()
        if not re.fullmatch(r"/dev/qbd\d+", to):
            raise Failure(f"{link} leads to {to}")
    alpha.run(f"mount UUID={UUID} /mnt && echo one >/mnt/note && umount /mnt")
    replicas_show_nothing(rig, UUID)
    holds(rig.beta, DEVICE, "one")
    if rig.gamma.order(f"test -e /dev/disk/by-uuid/{UUID}")[0] == 0:
        raise Failure("gamma looked at a volume that it did not have")


def test_lvm_on_the_volume_works_with_its_defaults(rig):
    alpha = emptied(rig)
    said = alpha.run(f"{{ pvcreate --yes {DEVICE} && vgcreate data {DEVICE} && "
                     "lvcreate --yes -L 16M -n lv data && pvs; } 2>&1")
    if re.search(r"unknown|[Dd]uplicate", said):
        raise Failure(f"LVM says: {said}")
    alpha.run(f"mkfs.ext4 -q {LV} && mount {LV} /mnt && echo two >/mnt/note && "
              "sync -f /mnt")
    replicas_show_nothing(rig)
    # A scan elsewhere neither finds it there nor takes it away.
    for guest in (rig.beta, rig.gamma):
        found = guest.order("pvs --noheadings -o pv_name 2>/dev/null")[1]
        if found.strip():
            raise Failure(f"{guest.name} has the physical volume {found}")
    alpha.run("echo three >/mnt/note && umount /mnt && vgchange -an data")
    unit = "/etc/systemd/system/vg-data.service"
    rig.beta.run(f"cat >{unit} <<'END'\n{VG_UNIT}END\n"
                 "systemctl daemon-reload && systemctl start vg-data")
    holds(rig.beta, LV, "three")
    rig.beta.run(f"systemctl stop vg-data && rm {unit} && "
                 "systemctl daemon-reload")
    alpha.run("vgremove --yes --force data && pvremove --yes --force "
              f"{DEVICE}")


def test_md_on_the_volume_works(rig):
    alpha = emptied(rig)
    alpha.run(f"mdadm --create /dev/md7 --run --level=1 --raid-devices=2 "
              f"--metadata=0.90 {DEVICE} missing && mkfs.ext4 -q /dev/md7 && "
              "mount /dev/md7 /mnt && echo four >/mnt/note && umount /mnt")
    replicas_show_nothing(rig)
    alpha.run("mdadm --stop /dev/md7 && udevadm settle")
    rig.beta.run(f"mdadm --assemble --run /dev/md7 {DEVICE}")
    holds(rig.beta, "/dev/md7", "four")
    rig.beta.run("mdadm --stop /dev/md7 && "
                 f"mdadm --zero-superblock {DEVICE}")


for function in (test_lvm_on_the_volume_works_with_its_defaults,
                 test_md_on_the_volume_works):
    function.long = True
