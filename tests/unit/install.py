#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What `make install` puts where and `make uninstall` takes away; how `make
agent` compiles.  Installs stand-ins for what is built, into a DESTDIR: nothing
of the system is touched.  Speaks TAP; run by tests/unit/install.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

INSTALLED = """
usr/sbin/qbd usr/sbin/qbdd
usr/share/doc/qbd/COPYING usr/share/doc/qbd/README.md
usr/share/doc/qbd/agent/README.md usr/share/doc/qbd/kmod/README.md
usr/share/doc/qbd/agent/DESIGN.md usr/share/doc/qbd/scripts/CHANGELOG.md
usr/share/doc/qbd/agent/control/status.schema.json
usr/share/doc/qbd/agent/control/command.h
usr/share/doc/qbd/uapi/qbd.yaml usr/share/doc/qbd/uapi/linux/qbd.h
usr/lib/systemd/system/qbd@.service usr/lib/udev/rules.d/59-qbd.rules
usr/lib/udev/rules.d/72-qbd-links.rules
lib/modules/1.2.3/updates/qbd.ko
""".split()
FORTIFIED = re.compile(r"__\w+_chk\b")


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=False,
                          **more)


def make(*words, environment=None):
    clean = {name: value for name, value in os.environ.items()
             if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CPPFLAGS",
                             "CFLAGS", "LDFLAGS", "DESTDIR")}
    clean.update(environment or {})
    return run("make", "--no-print-directory", *words, env=clean)


def build_stand_ins(folder, module):
    (folder / "agent").mkdir(parents=True)
    for name in ("qbd", "qbdd"):
        (folder / "agent" / name).write_text("#!/bin/sh\n", encoding="ascii")
    if module:
        (folder / "running").mkdir()
        source = folder / "module.c"
        source.write_text("int qbd(int x) { return x + 1; }\n",
                          encoding="ascii")
        done = run("gcc", "-g", "-c", "-o", str(folder / "running/qbd.ko"),
                   str(source))
        assert done.returncode == 0, done.stderr


def order(what, folder, more=()):
    # What is built counts as new: -o agent.
    done = make(what, "-o", "agent", f"B={folder}/build",
                f"DESTDIR={folder}/root", "RUNNING=1.2.3", *more)
    assert done.returncode == 0, done.stderr
    return done


def files_in(folder):
    return sorted(str(path.relative_to(folder))
                  for path in folder.rglob("*") if not path.is_dir())


def sections(path):
    return run("readelf", "--section-headers", "--wide", str(path)).stdout


def everything_is_installed_and_nothing_is_left(folder):
    build_stand_ins(folder / "build", True)
    order("install", folder)
    there = files_in(folder / "root")
    missing = set(INSTALLED) - set(there)
    assert not missing, f"not installed: {missing}"
    for path in pathlib.Path("scripts/systemd").rglob("*"):
        if path.is_file():
            name = re.sub(r"\.(sysusers|tmpfiles)$", ".conf", path.name)
            assert any(file.endswith("/" + name) for file in there), path
    for name in ("qbd", "qbdd"):
        mode = (folder / "root/usr/sbin" / name).stat().st_mode & 0o777
        assert mode == 0o755, oct(mode)
    assert (folder / "root/etc/qbd").is_dir()
    order("uninstall", folder)
    assert not files_in(folder / "root"), files_in(folder / "root")
    for path in ("etc/qbd", "usr/share/doc/qbd"):
        assert not (folder / "root" / path).exists(), path


def folders_can_be_chosen(folder):
    build_stand_ins(folder / "build", False)
    chosen = ("prefix=/opt/q", "sbindir=/bin", "unitdir=/units",
              "udevdir=/rules", "docdir=/doc")
    order("install", folder, chosen)
    there = files_in(folder / "root")
    for file in ("bin/qbdd", "units/qbd@.service", "rules/59-qbd.rules",
                 "doc/COPYING"):
        assert file in there, f"{file} not in {there}"
    assert not [file for file in there if file.startswith("usr/")], there
    order("uninstall", folder, chosen)
    assert not files_in(folder / "root"), files_in(folder / "root")


def module_has_no_debug_information(folder):
    build_stand_ins(folder / "build", True)
    built = folder / "build/running/qbd.ko"
    assert ".debug_info" in sections(built)
    order("install", folder)
    installed = folder / "root/lib/modules/1.2.3/updates/qbd.ko"
    assert ".symtab" in sections(installed), "the symbols are the module's"
    assert ".debug_info" not in sections(installed)
    assert ".debug_info" in sections(built), "the built one stays as it is"


def no_module_is_said(folder):
    build_stand_ins(folder / "build", False)
    assert "no module is installed" in order("install", folder).stderr
    assert not list((folder / "root").rglob("*.ko"))


def volumes_stay(folder):
    build_stand_ins(folder / "build", False)
    order("install", folder)
    (folder / "root/etc/qbd/vol0.conf").write_text("#\n", encoding="ascii")
    order("uninstall", folder)
    assert files_in(folder / "root") == ["etc/qbd/vol0.conf"]


def flags_of(folder, target, environment=None):
    done = make("-n", "V=1", f"B={folder}", f"{folder}/{target}",
                environment=environment)
    assert done.returncode == 0, done.stderr
    words = [line.split() for line in done.stdout.splitlines()
             if f"-o {folder}/{target} " in line + " "]
    assert words, f"{target} is not made: {done.stdout}"
    return words[-1]


def flags_of_the_environment_are_added(folder):
    ours = {"CPPFLAGS": "-DPPX=1", "CFLAGS": "-DCCX=1 -O3",
            "LDFLAGS": "-Wl,-z,ldx"}
    words = flags_of(folder, "obj/agent/base/error.o", ours)
    for word in ("-DPPX=1", "-DCCX=1", "-O3", "-std=gnu11", "-Werror",
                 "-D_FORTIFY_SOURCE=2", "-fPIE"):
        assert word in words, f"{word} not in {words}"
    assert words.index("-O3") > words.index("-O2")
    words = flags_of(folder, "agent/qbdd", ours)
    for word in ("-Wl,-z,ldx", "-DCCX=1", "-pie", "-Wl,-z,now"):
        assert word in words, f"{word} not in {words}"


def fortify_is_not_doubled_nor_sanitized(folder):
    file = "agent/base/error.o"
    dpkg = {"CPPFLAGS": "-Wdate-time -D_FORTIFY_SOURCE=3"}
    words = flags_of(folder, f"obj/{file}", dpkg)
    assert [word for word in words if "FORTIFY" in word] == \
        ["-D_FORTIFY_SOURCE=3"], words
    for environment in (dpkg, {}):
        words = flags_of(folder, f"asan/{file}", environment)
        assert not [word for word in words if "FORTIFY" in word], words
        words = flags_of(folder, f"fuzz/obj/{file}", environment)
        assert not [word for word in words if "FORTIFY" in word], words
    words = flags_of(folder, f"obj/{file}", {"CFLAGS": "-O0"})
    assert not [word for word in words if "FORTIFY" in word], words


def programs_are_hardened(folder):
    for name in ("qbd", "qbdd"):
        path = f"build/agent/{name}"
        if not os.path.exists(path):
            return f"{path} is missing; make agent"
        assert "Type:" in run("readelf", "-h", path).stdout
        assert re.search(r"Type:\s+DYN", run("readelf", "-h", path).stdout)
        dynamic = run("readelf", "-d", "--wide", path).stdout
        assert "BIND_NOW" in dynamic, f"{path}: no BIND_NOW"
        assert re.search(r"FLAGS_1.*\bPIE\b", dynamic), f"{path}: no PIE"
        assert "GNU_RELRO" in run("readelf", "-l", "--wide", path).stdout
        symbols = run("nm", "-D", "--undefined-only", path).stdout
        assert "__stack_chk_fail" in symbols, f"{path}: no stack protector"
        found = set(FORTIFIED.findall(symbols))
        assert len(found - {"__stack_chk_fail"}) >= 3, \
            f"{path}: not fortified: {found}"
    return None


TESTS = [everything_is_installed_and_nothing_is_left, folders_can_be_chosen,
         module_has_no_debug_information, no_module_is_said, volumes_stay,
         flags_of_the_environment_are_added,
         fortify_is_not_doubled_nor_sanitized, programs_are_hardened]


def main():
    failed = 0
    print(f"TAP version 13\n1..{len(TESTS)}", flush=True)
    for number, test in enumerate(TESTS, 1):
        skip = None
        good = "ok"
        with tempfile.TemporaryDirectory() as folder:
            try:
                skip = test(pathlib.Path(folder))
            except AssertionError as error:
                failed += 1
                good = "not ok"
                print("# " + str(error).replace("\n", "\n# "))
        print(f"{good} {number} - {test.__name__}" +
              (f" # SKIP {skip}" if skip else ""), flush=True)
    return 1 if failed else 0


sys.exit(main())
