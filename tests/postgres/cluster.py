"""A PostgreSQL server of the tests' own: on loopback, in a folder of its own, ended with them."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl; None where there is no server to be had."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class Cluster:
    """One server. `initdb` refuses root, which becomes the user `postgres` for it."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._programs = programs
        self._user = "postgres" if os.geteuid() == 0 else None

    def make(self) -> None:
        """A new cluster that trusts everybody on loopback."""
        self.folder.mkdir(parents=True, mode=0o755)
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "runner", "-E", "UTF8", "--no-sync")

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"

    def start(self, *settings: str) -> None:
        """Start it, with `settings` such as `fsync=off`; returns when it takes connections."""
        wanted = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self.folder}",
            *settings,
        )
        options = " ".join(f"-c {one}" for one in wanted)
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast`, or `immediate`, as a crash would."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def url(self, project: str = "shop", database: str = "postgres") -> str:
        """The address of a project's state on it."""
        return f"postgresql://runner@127.0.0.1:{self.port}/{database}?project={project}"

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = (str(self._programs / program), *arguments)
        if self._user:
            command = ("runuser", "-u", self._user, "--", *command)
        done = subprocess.run(
            command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            log = self.folder / "log"
            raise RuntimeError(f"{program}: {done.stderr}{log.read_text() if log.exists() else ''}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
