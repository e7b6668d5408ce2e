#!/usr/bin/env python3
"""Turns event_codes.csv into the C++ table behind event_code.h.

usage: generate_event_codes.py event_codes.csv OUTPUT.cc

Rows come out sorted by (event code, sub code), which the lookup relies on. A row that is doubled, incomplete or out of
range stops the build with its line number.
"""

import csv
import pathlib
import sys

COLUMNS = ["category", "event_code", "sub_code", "name", "sub_name", "level", "description"]
LEVELS = ("", "alert", "alarm")
HEAD = """// Made by generate_event_codes.py out of event_codes.csv. Do not edit.
#include "model/event_code_table.h"

namespace gatelog::model::internal {
namespace {

constexpr EventCode kTable[] = {
"""
TAIL = """};

}  // namespace

std::span<const EventCode> EventCodeTable() { return kTable; }

}  // namespace gatelog::model::internal
"""


def read_rows(path):
    with open(path, newline="", encoding="ascii") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"{path}: the columns must be {','.join(COLUMNS)}")
        rows = {}
        for row in reader:
            where = f"{path}:{reader.line_num}"
            code, sub_code = int(row["event_code"], 16), int(row["sub_code"], 16)
            if not 0 < code <= 0xFFFF or not 0 <= sub_code <= 0xFF:
                raise ValueError(f"{where}: the code is out of range")
            if row["level"] not in LEVELS:
                raise ValueError(f"{where}: unknown level '{row['level']}'")
            if not all(row[column] for column in ("category", "name", "description")):
                raise ValueError(f"{where}: category, name and description must be filled in")
            if (code, sub_code) in rows:
                raise ValueError(f"{where}: the pair 0x{code:04X}/0x{sub_code:02X} is there twice")
            rows[code, sub_code] = row
    return sorted(rows.items())


def literal(text):
    if any(not " " <= character <= "~" for character in text):
        raise ValueError(f"not printable: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def render(rows):
    lines = []
    for (code, sub_code), row in rows:
        texts = [row[c] for c in ("name", "sub_name", "category", "level", "description")]
        lines.append(
            f"    {{0x{code:04X}, 0x{sub_code:02X}, " + ", ".join(map(literal, texts)) + "},\n"
        )
    return HEAD + "".join(lines) + TAIL


def main():
    source, output = map(pathlib.Path, sys.argv[1:])
    try:
        output.write_text(render(read_rows(source)), encoding="ascii")
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
