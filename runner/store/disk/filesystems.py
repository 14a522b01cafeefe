"""Says which file systems a state may live on: those whose locks and fsync hold."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.core.errors import StateRefused

MOUNT_TABLE = Path("/proc/self/mountinfo")

# Locks that are not seen by every machine, or a WAL index that is not shared: two runs would both buy.
_NETWORK = frozenset(
    {
        "nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "kafs", "coda", "9p", "ceph",
        "glusterfs", "lustre", "gpfs", "beegfs", "orangefs", "pvfs2", "panfs", "gfs2", "ocfs2", "davfs", "vboxsf",
        "vmhgfs", "prl_fs", "drvfs",
    }
)  # fmt: skip
_NETWORK_FUSE = frozenset(
    {
        "sshfs", "glusterfs", "ceph", "ceph-fuse", "rclone", "s3fs", "gcsfuse", "goofys", "blobfuse", "blobfuse2",
        "davfs", "davfs2", "curlftpfs", "juicefs", "mfs", "moosefs", "lizardfs", "seaweedfs", "nfs", "smbnetfs",
        "gvfsd-fuse", "vmhgfs-fuse", "google-drive-ocamlfuse",
    }
)  # fmt: skip

_ESCAPE = re.compile(r"\\([0-7]{3})")
_MOUNT_POINT = 4  # the field of a line, from 0 (man 5 proc_pid_mountinfo)


def is_network(kind: str) -> bool:
    """True for a file system type, as the mount table names it, that a state may not live on."""
    family, _, name = kind.lower().partition(".")
    return family in _NETWORK or (family in ("fuse", "fuseblk") and name in _NETWORK_FUSE)


def kind_of(path: Path, mount_table: str) -> str | None:
    """The type of the file system that holds the absolute `path`; None if the table does not say.

    `mount_table` is the text of /proc/self/mountinfo. Of two mounts on one place the later one covers the former.
    """
    best: tuple[int, str] | None = None
    for point, kind in _mounts(mount_table):
        depth = len(point.parts)
        if (path == point or point in path.parents) and (best is None or depth >= best[0]):
            best = (depth, kind)
    return None if best is None else best[1]


def _mounts(mount_table: str) -> Iterator[tuple[Path, str]]:
    """Mount points in the order of mounting, each with its file system type."""
    for line in mount_table.splitlines():
        facts, separator, source = line.partition(" - ")
        fields, kinds = facts.split(" "), source.split(" ")
        if separator and len(fields) > _MOUNT_POINT:
            yield Path(_ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[_MOUNT_POINT])), kinds[0]


def refuse_network(directory: Path, mount_table: Path = MOUNT_TABLE) -> None:
    """Raise StateRefused if `directory` lies on a network file system; nothing where the mount table can't be read."""
    table = _read(mount_table)
    kind = kind_of(directory.resolve(), table)
    if kind is not None and is_network(kind):
        raise StateRefused(
            f"{directory} lies on a network file system ({kind}), where locks do not keep two runs apart",
            "keep the state on a local disk (--state), on one machine",
        )


def refuse_mounted_alone(files: Iterable[Path], mount_table: Path = MOUNT_TABLE) -> None:
    """Raise StateRefused if one of `files` is mounted by itself: what belongs beside it lies elsewhere, and is not seen here."""
    points = {point for point, _ in _mounts(_read(mount_table))}
    for path in files:
        if path.resolve() in points:
            raise StateRefused(
                f"{path} is mounted as a single file: its write-ahead log and its lock would be others than at its home",
                f"mount the whole directory of the state, {path.parent}",
            )


def _read(mount_table: Path) -> str:
    """The table; empty where it can't be read."""
    try:
        return mount_table.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
