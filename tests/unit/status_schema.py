#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Is a status what agent/control/status.schema.json and status.h say?

  tests/unit/status_schema.py FILE    the output of qbd status --json VOLUME

Here, and not in the schema that is installed, a field that is not described
is a mistake.  Says what is wrong; exit status 77: jsonschema is missing.
"""
import json
import re
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)


def closed(schema):
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema["additionalProperties"] = False
        for part in schema.values():
            closed(part)
    elif isinstance(schema, list):
        for part in schema:
            closed(part)


def field_names(schema):
    if isinstance(schema, list):
        return set().union(*map(field_names, schema))
    if not isinstance(schema, dict):
        return set()
    names = set(schema.get("properties", {}))
    return names.union(*map(field_names, schema.values()))


def complain(place, message):
    print(f"# {place}: {message}")
    return 1


def main():
    with open("agent/control/status.schema.json", encoding="utf-8") as file:
        schema = json.load(file)
    with open("agent/control/status.h", encoding="utf-8") as file:
        words = set(re.findall(r"\w+", file.read()))
    with open("uapi/linux/qbd.h", encoding="utf-8") as file:
        words |= set(re.findall(r"__u64 (\w+);", file.read()))
    with open(sys.argv[1], encoding="utf-8") as file:
        status = json.load(file)
    checker = jsonschema.Draft7Validator
    checker.check_schema(schema)
    closed(schema)
    wrong = 0
    for name in sorted(field_names(schema) - words):
        wrong |= complain("status.h", f"{name} is not described")
    of_volume = dict(schema["definitions"]["volume"],
                     definitions=schema["definitions"])
    for error in checker(of_volume).iter_errors(status):
        place = "/".join(map(str, error.absolute_path)) or "status"
        wrong |= complain(place, error.message)
    return wrong


sys.exit(main())
