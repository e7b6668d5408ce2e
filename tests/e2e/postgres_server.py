"""A PostgreSQL server of a test's own, and what a gateway stored in it as the SQLite file that compare.py reads."""

import contextlib
import csv
import io
import os
import pathlib
import pwd
import signal
import sqlite3
import subprocess

from harness import wait_for

PROGRAMS = next((folder for version in ("15", "16", "17", "14")
                 if (folder := pathlib.Path(f"/usr/lib/postgresql/{version}/bin")).is_dir()), None)

# What compare.py reads of each table; bytes go as hexadecimal.
TABLES = {
    "event": ("seq", "log_device", "epoch", "id", "payload"),
    "log_state": ("log_device", "epoch", "next", "image_next"),
    "epoch": ("log_device", "epoch", "first", "generation"),
    "gap": ("log_device", "epoch", "first", "last", "reason"),
    "image": ("log_device", "epoch", "id", "payload"),
}
BYTES = {"payload"}


class PostgresServer:
    """On a Unix socket alone, as a user without rights where the test is root's; in `folder`, which it makes."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.folder.mkdir()
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
            self.folder.parent.chmod(0o755)
        self.process = None
        done = subprocess.run(self._as_user(PROGRAMS / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "postgres",
                                            "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"), capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"initdb failed:\n{done.stderr}")
        self.start()

    def _as_user(self, *command):
        prefix = ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"] if self.user else []
        return [*prefix, "setpriv", "--pdeathsig", "QUIT", *map(str, command)]

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                self._as_user(PROGRAMS / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses="),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: subprocess.run([PROGRAMS / "pg_isready", "-q", "-h", self.folder]).returncode == 0,
                 "the PostgreSQL server takes sessions")

    def kill(self):
        """As pg_ctl stop -m immediate: whatever was under way is cut off."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)

    @property
    def url(self):
        return f"postgresql:///postgres?host={self.folder}&user=postgres"

    def sql(self, statement):
        """What psql prints, as CSV."""
        done = subprocess.run([PROGRAMS / "psql", "-X", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url],
                              capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{statement}:\n{done.stderr}")
        return done.stdout

    def export(self, folder):
        """Writes FOLDER/gatelog.db, and returns the folder."""
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        (folder / "gatelog.db").unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(folder / "gatelog.db")) as file:
            for table, columns in TABLES.items():
                selected = ", ".join(f"encode({c}, 'hex')" if c in BYTES else c for c in columns)
                rows = csv.reader(io.StringIO(self.sql(f"SELECT {selected} FROM gatelog.{table}")))
                file.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
                file.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})",
                                 ([bytes.fromhex(v) if c in BYTES else int(v) for c, v in zip(columns, row)] for row in rows))
            file.commit()
        return folder
