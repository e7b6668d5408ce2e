"""Fails when an include points up or sideways, or when a file has grown past a sitting.

The folders are the architecture: a folder may include only what stands below it here. Standard library only.
  check_layers.py [ROOT]   default: the repository this file is in
"""

import pathlib
import re
import sys

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70  # told, not refused

# What each folder may include besides itself and third parties. The most specific folder counts.
BASE = {"src/base"}
MODEL = BASE | {"src/model"}
EVIDENCE = MODEL | {"src/evidence"}
PORTS = EVIDENCE | {"src/ports"}
CORE_LINES = [  # a line may use the lines before it, never its own siblings
    {"src/core/live", "src/core/collector", "src/core/ingest", "src/core/query", "src/core/retention",
     "src/core/sealing"},
    {"src/core/fleet"},
    {"src/core/access"},
]
CORE = set().union(*CORE_LINES)
API_RPC = PORTS | CORE

ALLOWED = {
    "src/base": set(),
    "src/model": BASE,
    "src/evidence": MODEL,
    "src/ports": EVIDENCE,
    "src/core": PORTS,
    "src/device/*": PORTS,
    "src/store/*": PORTS,
    "src/api/rpc": API_RPC,
    "src/api/*": API_RPC | {"src/api/rpc"},
    "src/config": None,  # see below
    "apps/gatelog": PORTS | {"src/store/*"},  # docs/decisions/: what is done while no gateway runs
    "apps/gatelog-sim": MODEL | {"src/device/*"},
    "apps/gatelogd": {"src/*"},
}
_below = set(PORTS)
for _line in CORE_LINES:
    for _folder in _line:
        ALLOWED[_folder] = set(_below)
    _below |= _line

# Generated from proto/ and from data files; whoever may use them is a matter of linking. First path part of the include.
GENERATED = ("gsdk/", "gatelog/v1/", "terminal/v1/", "simulator/v1/", "grpc/")
# src/config describes every component's options and therefore sees their headers, and nothing else of them.
CONFIG_HEADER = re.compile(r"(^|_)options\.h$")

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def folder_rule(path):
    """The key of ALLOWED that a file's folder falls under, longest first; None outside the layers."""
    parts = path.split("/")[:-1]
    for depth in range(len(parts), 0, -1):
        exact = "/".join(parts[:depth])
        if exact in ALLOWED:
            return exact
        wild = "/".join(parts[: depth - 1] + ["*"])
        if depth > 1 and wild in ALLOWED:
            return wild
    return None


def home(path):
    """The folder a file belongs to: two siblings under one rule are different homes."""
    rule = folder_rule(path)
    return "/".join(path.split("/")[: len(rule.split("/"))]) if rule else None


def matches(folder, pattern):
    if pattern.endswith("/*"):
        return folder.startswith(pattern[:-1])
    return folder == pattern


def is_test(path):
    return path.endswith("_test.cc") or path.startswith("tests/")


def resolve(root, source, name):
    """The repository path of an included file, or None for third parties and generated files."""
    if name.startswith(GENERATED) and not (root / "src" / name).exists():
        return None
    for candidate in (f"src/{name}", name, f"{source.rsplit('/', 1)[0]}/{name}"):
        if (root / candidate).is_file():
            return candidate
    return None


def check_include(source, target):
    """A sentence when `source` may not include `target`, else None."""
    rule, from_home, to_home = folder_rule(source), home(source), home(target)
    if rule is None or from_home == to_home:
        return None
    if target.startswith("tests/support/"):
        return None if is_test(source) else f"{source}: {target} is for tests"
    if to_home is None:
        return f"{source}: {target} is in no layer"
    if rule == "src/config":
        if to_home in BASE or CONFIG_HEADER.search(target):
            return None
        return f"{source}: src/config may include src/base and options headers, not {target}"
    if any(matches(to_home, pattern) for pattern in ALLOWED[rule]):
        return None
    return f"{source}: {from_home} may not include {target}"


def long_functions(path, text):
    """Rough: a line in column one that opens a body, to the closing brace in column one."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if start is None and re.match(r"^[A-Za-z].*\)[^;]*\{\s*$", line) and not line.startswith(("namespace", "struct", "class")):
            start = number
        elif start is not None and line.startswith("}"):
            if number - start > FUNCTION_LINES_MAX:
                yield f"{path}:{start}: a function of {number - start} lines"
            start = None


def check(root):
    root = pathlib.Path(root)
    errors, notes, count = [], [], 0
    for top in ("src", "apps"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            count += 1
            path = file.relative_to(root).as_posix()
            text = file.read_text(encoding="utf-8")
            if folder_rule(path) is None:
                errors.append(f"{path}: this folder is in no layer; tests/layers/check_layers.py lists them")
            lines = text.count("\n")
            if lines > FILE_LINES_MAX:
                errors.append(f"{path}: {lines} lines; {FILE_LINES_MAX} is the most, so it is two things")
            notes += long_functions(path, text)
            for name in INCLUDE.findall(text):
                target = resolve(root, path, name)
                problem = target and check_include(path, target)
                if problem:
                    errors.append(problem)
    return errors, notes, count


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    errors, notes, count = check(root)
    for note in notes:
        print(f"note: {note}")
    for error in errors:
        print(f"error: {error}")
    print(f"{count} files, {len(errors)} errors")
    return 1 if errors or not count else 0


if __name__ == "__main__":
    sys.exit(main())
