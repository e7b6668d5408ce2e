"""Compares what a gateway stored with what the virtual terminals hold, record by record, in their SQLite files.

  compare.py GATEWAY_DIR SIMULATOR_DIR    prints the figures; exit 1 if anything differs

docs/formats/store.md and apps/gatelog-sim/log_database.h describe the tables. Both may be read while the programs run.
"""

import contextlib
import dataclasses
import pathlib
import sqlite3
import sys

PROBLEMS_MAX = 20  # told; the rest is counted


@dataclasses.dataclass
class Figures:
    devices: int = 0
    stored: int = 0
    gaps: int = 0
    duplicates: int = 0  # further copies of a record, under whatever epoch
    epochs: int = 0
    images: int = 0
    compared: int = 0    # records that the terminals still hold and the store has, byte for byte
    problems: list = dataclasses.field(default_factory=list)
    problem_count: int = 0

    def problem(self, sentence):
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(sentence)

    def __str__(self):
        return (f"devices={self.devices} stored={self.stored} gaps={self.gaps} duplicates={self.duplicates} "
                f"epochs={self.epochs} images={self.images}")


@contextlib.contextmanager
def _open(path):
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        database.execute("BEGIN")  # one state for all reads
        yield database


def open_store(gateway_dir):
    return _open(pathlib.Path(gateway_dir) / "gatelog.db")


def open_terminals(simulator_dir):
    return _open(pathlib.Path(simulator_dir) / "sim.db")


def terminal_log(simulator_dir, device):
    """ID -> the record's bytes, of one terminal."""
    with open_terminals(simulator_dir) as terminals:
        return dict(terminals.execute("SELECT id, payload FROM record WHERE device = ?", (device,)))


def stored_ids(gateway_dir, device):
    """The IDs stored of one log device, epoch by epoch, in order."""
    with open_store(gateway_dir) as store:
        return [row[0] for row in store.execute(
            "SELECT id FROM event WHERE log_device = ? ORDER BY epoch, id", (device,))]


def images_pending(gateway_dir, simulator_dir):
    """How many terminals have images that the gateway has not looked for yet."""
    with open_terminals(simulator_dir) as terminals, open_store(gateway_dir) as store:
        looked_for = dict(store.execute("SELECT log_device, image_next FROM log_state"))
        newest = terminals.execute("SELECT device, max(id) FROM image GROUP BY device")
        return sum(looked_for.get(device, 0) <= last for device, last in newest)


def _merge(left, right):
    """Joins two streams of (id, bytes), each in ascending ID: (id, left or None, right or None)."""
    a, b = next(left, None), next(right, None)
    while a or b:
        if b is None or (a and a[0] < b[0]):
            yield a[0], a[1], None
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            yield b[0], None, b[1]
            b = next(right, None)
        else:
            yield a[0], a[1], b[1]
            a, b = next(left, None), next(right, None)


def _check_epoch(figures, store, device, epoch, first, end):
    """Stored records and gaps together fill [first, end) once."""
    parts = store.execute(
        "SELECT id, id FROM event WHERE log_device = :d AND epoch = :e UNION ALL "
        "SELECT first, last FROM gap WHERE log_device = :d AND epoch = :e ORDER BY 1", {"d": device, "e": epoch})
    expected = first
    for begin, last in parts:
        if begin > expected:
            figures.problem(f"{device} epoch {epoch}: {expected} to {begin - 1} are neither stored nor a gap")
        elif begin < expected:
            figures.problem(f"{device} epoch {epoch}: {begin} is there twice, or below the epoch's first")
        expected = max(expected, last + 1)
    if end is not None and expected != end:
        figures.problem(f"{device} epoch {epoch}: next is {end}, but the records end at {expected - 1}")


def _compare_records(figures, store, terminals, device, epoch):
    first, next_id = terminals.execute("SELECT first_id, next_id FROM device WHERE device = ?", (device,)).fetchone()
    unreadable = {row[0] for row in store.execute(
        "SELECT first FROM gap WHERE log_device = ? AND epoch = ? AND reason = 4", (device, epoch))}
    held = terminals.execute("SELECT id, payload FROM record WHERE device = ? ORDER BY id", (device,))
    stored = store.execute("SELECT id, payload FROM event WHERE log_device = ? AND epoch = ? ORDER BY id", (device, epoch))
    for event_id, theirs, ours in _merge(held, stored):
        if theirs is None:  # overwritten or cleared on the terminal after we stored it
            if (first and event_id >= first) or event_id >= next_id:
                figures.problem(f"{device}: event {event_id} is stored, but the terminal never had it")
        elif ours is None:
            if event_id not in unreadable:
                figures.problem(f"{device}: event {event_id} is on the terminal and not stored")
        elif theirs != ours:
            figures.problem(f"{device}: event {event_id} was stored with other bytes")
        else:
            figures.compared += 1


def _compare_images(figures, store, terminals, device, epoch):
    held = terminals.execute("SELECT id, payload FROM image WHERE device = ? ORDER BY id", (device,))
    stored = store.execute("SELECT id, payload FROM image WHERE log_device = ? AND epoch = ? ORDER BY id", (device, epoch))
    for event_id, theirs, ours in _merge(held, stored):
        if ours is None:
            figures.problem(f"{device}: the image of event {event_id} is not stored")
        elif theirs is not None and theirs != ours:
            figures.problem(f"{device}: the image of event {event_id} was stored with other bytes")


def _figures(store):
    one = lambda sql: store.execute(sql).fetchone()[0] or 0  # noqa: E731
    return Figures(
        devices=one("SELECT count(*) FROM log_state"),
        stored=one("SELECT count(*) FROM event"),
        gaps=one("SELECT count(*) FROM gap"),
        duplicates=one("SELECT sum(copies - 1) FROM (SELECT count(*) AS copies FROM event GROUP BY log_device, payload)"),
        epochs=one("SELECT count(*) FROM epoch"),
        images=one("SELECT count(*) FROM image"))


def compare(gateway_dir, simulator_dir):
    """The store's figures, and every difference between it and the terminals' own logs."""
    with open_store(gateway_dir) as store, open_terminals(simulator_dir) as terminals:
        figures = _figures(store)
        current = {device: (epoch, next_id) for device, epoch, next_id in
                   store.execute("SELECT log_device, epoch, next FROM log_state")}
        generations = {}
        for device, epoch, first, generation in store.execute(
                "SELECT log_device, epoch, first, generation FROM epoch ORDER BY 1, 2").fetchall():
            generations[device, epoch] = generation
            end = current[device][1] if current[device][0] == epoch else None
            _check_epoch(figures, store, device, epoch, first, end)
        for device, generation, next_id in terminals.execute("SELECT device, generation, next_id FROM device").fetchall():
            if device not in current:
                if next_id > 1:
                    figures.problem(f"{device}: nothing of this terminal is stored")
                continue
            epoch = current[device][0]
            if generations[device, epoch] != generation:
                figures.problem(f"{device}: the terminal's counter has started anew, which the store does not know")
                continue
            _compare_records(figures, store, terminals, device, epoch)
            _compare_images(figures, store, terminals, device, epoch)
        if figures.duplicates:
            figures.problem(f"{figures.duplicates} records are stored more than once")
        return figures


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    figures = compare(sys.argv[1], sys.argv[2])
    for problem in figures.problems:
        print(problem, file=sys.stderr)
    if figures.problem_count > len(figures.problems):
        print(f"and {figures.problem_count - len(figures.problems)} more", file=sys.stderr)
    print(figures)
    return 1 if figures.problem_count else 0


if __name__ == "__main__":
    sys.exit(main())
