#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Is the protocol the same in the header, the netlink spec and the module?

Compares uapi/linux/qbd.h, uapi/qbd.yaml and the policies and fillers of
kmod/netlink.c and kmod/send.c, and speaks TAP.  Run by tests/unit/uapi_spec.
"""
import re
import sys
import yaml

HEADER, SPEC = "uapi/linux/qbd.h", "uapi/qbd.yaml"


def text_of(path):
    with open(path, encoding="ascii") as file:
        text = file.read()
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


header = text_of(HEADER)
netlink = text_of("kmod/netlink.c")
with open(SPEC, encoding="ascii") as spec_file:
    spec = yaml.safe_load(spec_file)


def number(text):
    text = re.sub(r"(?<=\d)U", "", text)
    text = re.sub(r"\bQBD_\w+", lambda name: str(defines()[name[0]]), text)
    return eval(text, {"__builtins__": {}})  # digits and operators only


def defines():
    found = {}
    for name, value in re.findall(r"^#define (QBD_\w+)[ \t]+(.+)$", header,
                                  re.M):
        value = value.strip()
        if re.fullmatch(r"[\d\sU<+()QBD_A-Z]+", value) and '"' not in value:
            value = re.sub(r"QBD_\w+", lambda m: str(found[m[0]]), value)
            found[name] = number(value)
    return found


def enum_of(name):
    body = re.search(r"enum %s \{(.*?)\};" % name, header, re.S)[1]
    values, at = {}, 0
    for entry in filter(None, (e.strip() for e in body.split(","))):
        key, _, value = (part.strip() for part in entry.partition("="))
        if value.isdigit():
            at = int(value)
        if not key.startswith("__") and not key.endswith("_MAX"):
            values[key] = at
        at += 1
    return values


def struct_of(name):
    body = re.search(r"struct %s \{(.*?)\};" % name, header, re.S)[1]
    return re.findall(r"__([us]\d+) (\w+);", body)


def c_name(prefix, name):
    return (prefix + name).upper().replace("-", "_")


def definition(kind, name):
    return next(d for d in spec["definitions"]
                if d["type"] == kind and d["name"] == name)


def spec_consts():
    values = {c_name("qbd_", d["name"]): d["value"]
              for d in spec["definitions"] if d["type"] == "const"}
    for flags in (d for d in spec["definitions"] if d["type"] == "flags"):
        for bit, entry in enumerate(flags["entries"]):
            values[c_name("qbd_%s_" % flags["name"], entry)] = 1 << bit
    values["QBD_GENL_VERSION"] = spec["version"]
    return values


def spec_enum(name):
    enum = definition("enum", name)
    start = enum.get("value-start", 0)
    return {c_name("qbd_%s_" % name, entry): start + i
            for i, entry in enumerate(enum["entries"])}


def spec_attrs():
    return spec["attribute-sets"][0]["attributes"]


def spec_numbered(entries, prefix):
    values = {c_name(prefix, e["name"]): i + 1 for i, e in enumerate(entries)}
    values[c_name(prefix, "unspec")] = 0
    return values


def operation(name):
    return next(o for o in spec["operations"]["list"] if o["name"] == name)


def policy_of(name):
    """The attributes a policy of the module's names, with their types."""
    body = re.search(r"\b%s_policy\[QBD_A_MAX \+ 1\] = \{(.*?)\n\};" % name,
                     netlink, re.S)[1]
    return {attr: rule for attr, rule in
            re.findall(r"\[(QBD_A_\w+)\] =\s*(.*?),?\n(?=\s*(?:\[|$))",
                       body + "\n", re.S)}


def put_in(function):
    """The attributes a function of the module's puts into a message."""
    body = re.search(r"\b%s\(.*?\n\}" % function, netlink, re.S)[0]
    return set(re.findall(r"nla_put\w*\(\w+,\s*(QBD_A_\w+)", body))


def attrs_of(entry):
    return {c_name("qbd_a_", name) for name in entry["attributes"]}


def constants_are_equal():
    return defines(), spec_consts()


def gates_are_equal():
    return enum_of("qbd_gate"), spec_enum("gate")


def operations_are_equal():
    return enum_of("qbd_op"), spec_enum("op")


def commands_are_equal():
    return (enum_of("qbd_cmd"),
            spec_numbered(spec["operations"]["list"], "qbd_cmd_"))


def attributes_are_equal():
    return enum_of("qbd_attr"), spec_numbered(spec_attrs(), "qbd_a_")


def structs_are_equal():
    names = ("req", "done", "stats")
    return ({name: struct_of("qbd_" + name) for name in names},
            {name: [(m["type"], m["name"].replace("-", "_"))
                    for m in definition("struct", name)["members"]]
             for name in names})


def types_in_the_headers_comments_are_equal():
    with open(HEADER, encoding="ascii") as file:
        text = file.read()
    said = {name: kind for name, kind in
            re.findall(r"(QBD_A_\w+),\s*/\* (u32|u64|string|binary)", text)}
    return said, {c_name("qbd_a_", a["name"]): a["type"] for a in spec_attrs()
                  if a["type"] != "pad"}


COMMANDS = {
    "device-new": "new", "device-del": "del", "device-get": "device",
    "device-set": "set", "device-abort": "device", "bind": "bind",
    "lease": "qbd_lease", "fence": "qbd_fence", "io-done": "qbd_done",
}


def module_takes_what_the_spec_says():
    return ({command: set(policy_of(policy))
             for command, policy in COMMANDS.items()},
            {command: attrs_of(operation(command)["do"]["request"])
             for command in COMMANDS})


def module_checks_the_types_the_spec_says():
    kinds = {"u32": r"U32|MINOR|_U32", "u64": "U64",
             "string": "NAME|PATH|REASON", "binary": "NLA_BINARY"}
    types = {c_name("qbd_a_", a["name"]): a["type"] for a in spec_attrs()}
    wrong = [(policy, attr) for policy in set(COMMANDS.values())
             for attr, rule in policy_of(policy).items()
             if not re.search(kinds[types[attr]], rule)]
    return wrong, []


def module_answers_what_the_spec_says():
    return ({"device-new": put_in("fill_new"), "bind": put_in("fill_bind"),
             "device-get": put_in("fill_device") | put_in("fill_view")},
            {name: attrs_of(operation(name)["do"]["reply"])
             for name in ("device-new", "bind", "device-get")})


def module_and_agent_have_one_version():
    with open("Makefile", encoding="utf-8") as makefile:
        ours = re.search(r"^VERSION := (\S+)$", makefile.read(), re.M)[1]
    theirs = re.search(r'^MODULE_VERSION\("(.*?)"\)', text_of("kmod/main.c"),
                       re.M)
    return ours, theirs and theirs[1]


TESTS = [
    constants_are_equal,
    gates_are_equal,
    operations_are_equal,
    commands_are_equal,
    attributes_are_equal,
    structs_are_equal,
    types_in_the_headers_comments_are_equal,
    module_takes_what_the_spec_says,
    module_checks_the_types_the_spec_says,
    module_answers_what_the_spec_says,
    module_and_agent_have_one_version,
]


def differences(left, right):
    if not isinstance(left, dict):
        return [] if left == right else [f"{left} is not {right}"]
    return [f"{key}: {left.get(key)} is not {right.get(key)}"
            for key in sorted(left.keys() | right.keys())
            if left.get(key) != right.get(key)]


def main():
    failed = False
    print(f"TAP version 13\n1..{len(TESTS)}")
    for i, test in enumerate(TESTS):
        wrong = differences(*test())
        for line in wrong:
            print(f"# {line}")
        print(f"{'not ' if wrong else ''}ok {i + 1} - {test.__name__}")
        failed = failed or bool(wrong)
    return failed


sys.exit(main())
