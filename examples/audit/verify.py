#!/usr/bin/env python3
"""Checks a gatelog store against its chain of evidence, without gatelog.

docs/formats/seal.md specifies every byte that is computed here. Python's standard library alone, and `openssl` for the
signatures. Says "ok" and what it counted, or the first thing that is not as it was committed (exit status 1), or
that the file cannot be read (2).

  verify.py STORE.db [--key seal.pub] [--heads FILE]
"""

import argparse
import base64
import hashlib
import pathlib
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile

PERSONAL = (4, 11, 12)  # user ID, temperature, card data; and every field above 15
KINDS = {1: "store", 2: "epoch", 3: "gap", 4: "images", 5: "generation", 6: "cleared", 7: "prune", 8: "erasure", 9: "restore"}
PERIOD_MS = 30 * 24 * 3600 * 1000  # as long as a person's salt is used for new events
APPLICATION_ID = 0x676C6F67  # of the file
SPKI = bytes.fromhex("302a300506032b6570032100")  # what stands before an Ed25519 key in its DER form


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u(size, value):
    return (value & (1 << 8 * size) - 1).to_bytes(size, "big")


def require(condition, what):
    if not condition:
        raise SystemExit(f"not as it was committed: {what}")


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(message):
    """(number, value, all its bytes) of each field of an encoded protobuf message."""
    at = 0
    while at < len(message):
        start = at
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(message, at)
        elif kind == 2:
            size, at = varint(message, at)
            value, at = message[at : at + size], at + size
        else:
            value, at = None, at + {1: 8, 5: 4}[kind]
        yield tag >> 3, value, message[start:at]


def split(payload):
    public, personal, values = b"", b"", {}
    for number, value, raw in fields(payload):
        values[number] = value
        if number in PERSONAL or number > 15:
            personal += u(2, len(public)) + u(2, len(raw)) + raw
        else:
            public += raw
    return public, personal, values


class Body:
    """Takes an entry's body apart."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, size):
        self.at += size
        require(self.at <= len(self.data), "an entry is too short")
        return self.data[self.at - size : self.at]

    def n(self, size):
        return int.from_bytes(self.bytes(size), "big")

    def signed(self):
        return int.from_bytes(self.bytes(8), "big", signed=True)


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(pathlib.Path(path).absolute().as_uri() + "?mode=ro", uri=True)
        self.db.execute("BEGIN")  # one moment
        if self.one("PRAGMA application_id")[0] != APPLICATION_ID:
            raise OSError("it is no gatelog store")
        self.salt = self.db.execute("SELECT value FROM secret WHERE name = 'salt'").fetchone()[0]
        self.epochs, self.changed = {}, set()  # (log device, epoch): what the chain says of it
        self.gaps = self.images = self.absences = self.events = 0  # the images that are there
        self.erasures, self.pruned = {}, {1: [], 2: [], 3: []}
        self.people_seq, self.people_pruned = 1, {}  # the first event that may tell of a person; by block: from which block on
        for block, body in self.db.execute("SELECT block, body FROM entry WHERE kind = 7 ORDER BY block, n"):
            b = Body(body)
            what, first, last, rows = b.n(1), b.n(8), b.n(8), b.n(8)
            require(what in self.pruned, f"a prune in block {block}")
            if what < 3:
                self.pruned[what].append((first, last))
                continue
            self.people_pruned[block] = first
            begin = self.one("SELECT first_seq FROM block WHERE number = ?", first)
            require(begin is not None, f"block {first} is missing")
            self.people_seq = max(self.people_seq, begin[0] + rows)
        self.sealed = 0  # seals checked so far
        self.counting, self.event_left = True, False

    def one(self, sql, *values):
        return self.db.execute(sql, values).fetchone()

    def was_pruned(self, what, block):
        return any(first <= block <= last for first, last in self.pruned[what])

    # The rows of the newest prune are deleted in steps, from the oldest on; of events, whole blocks.
    def may_be_left(self, what, block):
        first, last = max(self.pruned[what], key=lambda one: one[1])
        return first <= block <= last

    def events_are_gone(self, block, first, count):
        left = self.one("SELECT count(*) FROM event WHERE seq BETWEEN ? AND ?", first, first + count - 1)[0]
        if left or self.event_left:
            require(self.may_be_left(1, block) and left == count, f"{left} events of block {block} are there, which were pruned")
            self.event_left = True
        return not left

    # Events

    def check_events(self, block, first, count):
        leaves = []
        rows = self.db.execute(
            "SELECT e.*, p.user_id, p.period, p.salt, x.commitment FROM event e LEFT JOIN person p ON p.id = e.person "
            "LEFT JOIN erased x ON x.seq = e.seq WHERE e.seq BETWEEN ? AND ? ORDER BY e.seq", (first, first + count - 1))
        names = [column[0] for column in rows.description]
        for expected, row in zip(range(first, first + count), rows):
            event = dict(zip(names, row))
            require(event["seq"] == expected, f"event seq {expected} is missing")
            leaves.append(self.check_event(event))
        require(len(leaves) == count, f"event seq {first + len(leaves)} is missing")
        self.events += count
        return sha(b"\x04", *leaves)

    def check_event(self, e):
        name = f"event seq {e['seq']}"
        public, personal, v = split(e["payload"])
        erased = e["flags"] & 4
        require(bool(erased) == (e["commitment"] is not None), f"{name}: erased or not?")
        if erased:
            require(not personal and e["person"] is None, f"{name}: erased, yet personal")
            commitment = e["commitment"]
        else:
            salt = self.salt if e["person"] is None else e["salt"]
            commitment = sha(b"\x01", salt or b"", u(8, e["seq"]), personal)
        require(e["seq"] >= self.people_seq or not (personal or e["person"]), f"{name} tells of a person, though that was pruned")
        require(e["period"] in (None, 0, 1 + max(e["arrival_ms"], 0) // PERIOD_MS), f"{name}: the period of the salt")
        told = (v.get(1, 0), v.get(2, 0), v.get(3, 0), v.get(6, 0), v.get(7, 0), v.get(5, 0), v.get(8, 0), v.get(11, 0),
                (v.get(4, b"").decode() or None), bool(v.get(9, 0)), bool(v.get(10, 0)))
        kept = (e["id"], e["timestamp"], e["device"], e["code"], e["sub_code"], e["entity"], e["tna_key"], e["temperature"],
                e["user_id"], bool(e["flags"] & 1), bool(e["flags"] & 2))
        require(told == kept and e["flags"] < 8, f"{name}: {kept} in the table, {told} in the record")
        leaf = sha(b"\x02", u(8, e["seq"]), u(4, e["log_device"]), u(4, e["epoch"]), u(4, e["id"]), u(8, e["arrival_ms"]),
                   u(1, e["phase"]), commitment, public)
        require(struct.unpack(">i", leaf[:4])[0] == e["mark"], f"{name} (device {e['log_device']} epoch {e['epoch']} ID {e['id']})")
        epoch = self.epoch(e["log_device"], e["epoch"])
        epoch["events"] += 1
        epoch["wanted"] += e["flags"] & 1
        return leaf

    # Entries

    def epoch(self, device, epoch):
        require((device, epoch) in self.epochs, f"device {device} epoch {epoch} was never opened")
        self.changed.add((device, epoch))
        return self.epochs[device, epoch]

    def check_entries(self, block, count):
        leaves = []
        for n, kind, mark, body in self.db.execute("SELECT n, kind, mark, body FROM entry WHERE block = ? ORDER BY n", (block,)):
            require(n == len(leaves) and kind in KINDS, f"entry {len(leaves)} of block {block}")
            leaf = sha(b"\x03", u(8, block), u(4, n), u(1, kind), body)
            require(struct.unpack(">i", leaf[:4])[0] == mark, f"entry {n} of block {block}")
            b = Body(body)
            getattr(self, "check_" + KINDS[kind])(b, block)
            require(b.at == len(body), f"entry {n} of block {block} is too long")
            leaves.append(leaf)
        require(len(leaves) == count, f"entry {len(leaves)} of block {block}")
        return sha(b"\x05", *leaves)

    def check_store(self, b, block):
        require(block == 1, "the store begins twice")
        self.incarnation, self.created, _ = b.n(8), b.signed(), b.n(8)

    def check_restore(self, b, block):
        b.n(8)
        self.incarnation = b.n(8)

    def check_cleared(self, b, block):
        b.bytes(16)
        b.bytes(b.n(2))

    def check_prune(self, b, block):
        b.bytes(25)
        b.bytes(b.n(2))

    def check_erasure(self, b, block):
        self.erasures[block] = (b.n(8), b.bytes(32), b.n(8), b.bytes(32))
        b.bytes(b.n(2))

    def check_generation(self, b, block):
        epoch = self.epoch(b.n(4), b.n(4))
        epoch["generation"] = b.n(8)

    def check_epoch(self, b, block):
        key = (b.n(4), b.n(4))
        first, generation, opened, unsettled = b.n(4), b.n(8), b.signed(), b.n(8)
        require(key not in self.epochs and (key[1] == 1 or (key[0], key[1] - 1) in self.epochs), f"epoch {key} out of turn")
        self.epochs[key] = dict(first=first, opened=generation, generation=generation, events=0, gaps=0, missing=0,
                                image_next=first, wanted=0, images=0, absent=unsettled)
        self.changed.add(key)
        row = self.one("SELECT first, opened_ms FROM epoch WHERE log_device = ? AND epoch = ?", *key)
        require(row == (first, opened), f"epoch {key}")

    def check_gap(self, b, block):
        device, epoch, first, last, reason, found, raw = b.n(4), b.n(4), b.n(4), b.n(4), b.n(1), b.signed(), b.bytes(32)
        account = self.epoch(device, epoch)
        account["gaps"] += 1
        account["missing"] += last - first + 1
        self.gaps += 1
        row = self.one("SELECT last, reason, found_ms, raw FROM gap WHERE log_device = ? AND epoch = ? AND first = ?", device, epoch, first)
        name = f"gap of device {device} epoch {epoch} from ID {first}"
        require(row is not None, f"{name} is missing")
        require(row[:3] == (last, reason, found), name)
        require(sha(b"\x08", self.salt, u(4, device), u(4, epoch), u(4, first), row[3]) == raw, f"{name}: its raw bytes")

    def check_images(self, b, block):
        device, epoch = b.n(4), b.n(4)
        account = self.epoch(device, epoch)
        b.n(4)
        account["image_next"] = b.n(4)
        pruned = self.was_pruned(2, block)
        for _ in range(b.n(4)):
            image_id, timestamp, code, commitment = b.n(4), b.n(4), b.n(4), b.bytes(32)
            account["images"] += 1
            key = (device, epoch, image_id)
            row = self.one("SELECT i.timestamp, i.code, i.payload, i.person, p.salt FROM image i LEFT JOIN person p ON p.id = i.person "
                           "WHERE i.log_device = ? AND i.epoch = ? AND i.id = ?", *key)
            if row is None:
                gone = self.one("SELECT 1 FROM erased_image WHERE log_device = ? AND epoch = ? AND id = ?", *key)
                require(gone or pruned, f"image {key} is missing")
                continue
            self.images += 1
            require(not (pruned and not self.may_be_left(2, block)) and row[:2] == (timestamp, code), f"image {key}")
            salt = self.salt if row[3] is None else row[4]
            require(sha(b"\x07", salt or b"", *(u(4, part) for part in key), row[2]) == commitment, f"image {key}: the picture")
        for _ in range(b.n(4)):
            image_id, reason, found = b.n(4), b.n(1), b.signed()
            account["absent"] += 1
            self.absences += 1
            row = self.one("SELECT reason, found_ms FROM image_absence WHERE log_device = ? AND epoch = ? AND id = ?", device, epoch, image_id)
            require(row == (reason, found), f"absence of the image {(device, epoch, image_id)}")

    # Blocks and seals

    def check_blocks(self, keys):
        head, next_seq, self.previous = bytes(32), 1, bytes(32)
        number = 0
        for row in self.db.execute("SELECT number, time_ms, first_seq, events, entries, events_digest, head FROM block ORDER BY number"):
            number += 1
            require(row[0] == number and row[2] == next_seq, f"block {number}")
            entries = self.check_entries(number, row[4])
            if row[3] and self.was_pruned(1, number) and self.events_are_gone(number, row[2], row[3]):
                events, self.counting = row[5], False
            else:
                events = self.check_events(number, row[2], row[3])
            require(events == row[5], f"block {number}: the digest of its events")
            head = sha(b"\x06", head, u(8, number), u(8, row[1]), u(8, row[2]), u(4, row[3]), events, u(4, row[4]), entries)
            require(head == row[6], f"block {number}: its head")
            next_seq += row[3]
            self.check_seal(number, head, keys)
        self.blocks, self.last = number, next_seq - 1

    def check_seal(self, block, head, keys):
        row = self.one("SELECT number, time_ms, block, head, previous, manifest, key, signature FROM seal WHERE number = ?", self.sealed + 1)
        if row is None or row[2] > block:
            return
        number, time_ms, of_block, of_head, previous, manifest, key, signature = row
        name = f"seal {number}"
        require((of_block, of_head, previous) == (block, head, self.previous), name)
        message = b"gatelog seal 1\n" + u(8, number) + u(8, time_ms) + u(8, block) + head + previous + manifest + key
        require(not keys or key in keys, f"{name} was signed with another key")
        require(verified(key, message, signature), f"{name}: its signature")
        rows = self.db.execute("SELECT log_device, epoch, first, next, events, gaps, missing FROM seal_manifest WHERE seal = ? "
                               "ORDER BY log_device, epoch", (number,)).fetchall()
        digest = sha(b"\x0b", *(b"".join(u(size, value) for size, value in zip((4, 4, 4, 4, 8, 8, 8), one)) for one in rows))
        require(digest == manifest, f"{name}: its manifest")
        for device, epoch, first, following, events, gaps, missing in rows:
            account = self.epoch(device, epoch)
            if not self.counting:
                account["events"] = events
            total = (account["first"], account["first"] + account["events"] + account["missing"], account["events"], account["gaps"], account["missing"])
            require(total == (first, following, events, gaps, missing), f"{name}: device {device} epoch {epoch}")
        require(self.changed <= {one[:2] for one in rows}, f"{name} leaves an epoch out")
        self.changed.clear()
        self.counting = self.counting or not self.was_pruned(1, block + 1)
        self.sealed, self.previous, self.sealed_block = number, sha(b"\x0c", message, signature), block

    # The tables as a whole

    def check_tables(self):
        for column, table, most in (("seq", "event", self.last), ("block", "entry", self.blocks), ("number", "seal", self.sealed),
                                    ("seal", "seal_manifest", self.sealed)):
            lowest, highest = self.one(f"SELECT min({column}), max({column}) FROM {table}")
            require(lowest is None or 1 <= lowest <= highest <= most, f"{table}: a row outside of the chain")
        for table, count in (("gap", self.gaps), ("image_absence", self.absences), ("epoch", len(self.epochs)), ("secret", 1), ("meta", 2)):
            require(self.one(f"SELECT count(*) FROM {table}")[0] == count, f"the number of rows in {table}")
        require(self.one("SELECT count(*) FROM image")[0] == self.images, "the number of images")
        require(dict(self.db.execute("SELECT key, value FROM meta")) ==
                {"incarnation": int.from_bytes(u(8, self.incarnation), "big", signed=True), "created_ms": self.created}, "meta")
        self.check_erased()
        self.check_states()
        require(self.one("SELECT 1 FROM person WHERE id NOT IN (SELECT person FROM event WHERE person NOT NULL UNION "
                         "SELECT person FROM image WHERE person NOT NULL)") is None, "a person whom nothing tells of")

    def check_erased(self):
        taken = {block: [0, hashlib.sha256(b"\x09")] for block in self.erasures}
        oldest = self.one("SELECT min(seq) FROM event")[0] or self.last + 1
        for block, seq in self.db.execute("SELECT block, seq FROM erased ORDER BY seq"):
            require(block in taken, f"event seq {seq}: it is erased, and no entry says so")
            require(block not in self.people_pruned or oldest <= seq < self.people_seq, f"event seq {seq}: who erased it")
            taken[block][0] += 1
            taken[block][1].update(u(8, seq))
        pruned_through = max((last for _, last in self.pruned[1]), default=0)
        for block, (events, events_digest, images, images_digest) in self.erasures.items():
            count, digest = taken[block]
            gone = block in self.people_pruned and self.people_pruned[block] <= pruned_through and count < events
            require(gone or (count, digest.digest()) == (events, events_digest), f"what the erasure of block {block} took")
            keys = [b"".join(u(4, part) for part in row) for row in
                    self.db.execute("SELECT log_device, epoch, id FROM erased_image WHERE block = ? ORDER BY 1, 2, 3", (block,))]
            require((len(keys), sha(b"\x0a", *keys)) == (images, images_digest), f"the images that the erasure of block {block} took")
        blocks = {row[0] for row in self.db.execute("SELECT DISTINCT block FROM erased_image")}
        require(blocks <= set(self.erasures), "erased_image: rows of no erasure")

    def check_states(self):
        signed = lambda value: int.from_bytes(u(8, value), "big", signed=True)
        newest = {}
        for device, epoch in self.epochs:
            newest[device] = max(newest.get(device, 0), epoch)
        for (device, epoch), a in self.epochs.items():
            row = self.one("SELECT next, generation, events, gaps, missing FROM epoch WHERE log_device = ? AND epoch = ?", device, epoch)
            over = (a["first"] + a["events"] + a["missing"], signed(a["generation"]), a["events"], a["gaps"], a["missing"])
            require(row == (over if epoch < newest[device] else (None, signed(a["opened"]), None, None, None)), f"device {device} epoch {epoch}")
        require(self.one("SELECT count(*) FROM log_state")[0] == len(newest), "the number of log states")
        for device, epoch in newest.items():
            a, all_of = self.epochs[device, epoch], [e for (d, _), e in self.epochs.items() if d == device]
            total = lambda what: sum(one[what] for one in all_of)
            row = self.one("SELECT epoch, epoch_first, generation, next, image_next, events, images, images_absent, gaps, missing, epoch_events, "
                           "epoch_gaps, epoch_missing, images_wanted FROM log_state WHERE log_device = ?", device)
            expected = (epoch, a["first"], signed(a["generation"]), a["first"] + a["events"] + a["missing"], a["image_next"], total("events"),
                        total("images"), total("absent"), total("gaps"), total("missing"), a["events"], a["gaps"], a["missing"])
            require(row and row[:13] == expected, f"state of log device {device}")
            require(self.pruned[1] or row[13] == total("wanted"), f"state of log device {device}: events with an image")

    def check_heads(self, path):
        count = 0
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                found = re.search(r"gatelog-head 1 (\d+) (-?\d+) (\d+) ([0-9a-f]{64}) ([0-9a-f]{64})", line)
                if not found:
                    continue
                row = self.one("SELECT number, time_ms, block, head, previous, manifest, key, signature FROM seal WHERE number = ?", int(found[1]))
                require(row is not None, f"seal {found[1]} was kept elsewhere, and is not in the store")
                message = b"gatelog seal 1\n" + u(8, row[0]) + u(8, row[1]) + u(8, row[2]) + b"".join(row[3:7])
                require(sha(b"\x0c", message, row[7]).hex() == found[5] and row[3].hex() == found[4], f"seal {found[1]} was another one")
                count += 1
        require(count, "no head in the file of heads")


def verified(key, message, signature):
    """Ed25519 by openssl, which wants files."""
    pem = "-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(SPKI + key).decode() + "\n-----END PUBLIC KEY-----\n"
    with tempfile.NamedTemporaryFile() as k, tempfile.NamedTemporaryFile() as m, tempfile.NamedTemporaryFile() as s:
        for file, content in ((k, pem.encode()), (m, message), (s, signature)):
            file.write(content)
            file.flush()
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", k.name, "-rawin", "-in", m.name, "-sigfile", s.name]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def read_keys(path):
    with open(path, encoding="ascii") as file:
        bodies = re.findall(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", file.read(), re.S)
    return [base64.b64decode(body)[len(SPKI) :] for body in bodies]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--key", help="public key of the seals, PEM")
    parser.add_argument("--heads", help="heads that were kept elsewhere")
    options = parser.parse_args()
    try:
        check(options)
    except (sqlite3.Error, OSError) as error:
        print(f"{options.store} cannot be checked: {error}", file=sys.stderr)
        return 2
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, struct.error) as error:
        print(f"not as it was committed: a value cannot be taken apart ({error!r})", file=sys.stderr)
        return 1
    return 0


def check(options):
    store = Store(options.store)
    store.check_blocks(read_keys(options.key) if options.key else [])
    store.check_tables()
    if options.heads:
        store.check_heads(options.heads)
    print(f"ok: {store.events} events in {store.blocks} blocks, {store.sealed} seals, {len(store.erasures)} erasures")


if __name__ == "__main__":
    sys.exit(main())
