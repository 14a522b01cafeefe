"""A state lives on a local disk only: seen in the text of the mount table."""

from pathlib import Path

import pytest

from runner.core.errors import ExitCode, StateRefused
from runner.store.disk.filesystems import MOUNT_TABLE, is_network, kind_of, refuse_network
from runner.store.disk.lock import acquire

TABLE = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:5 / /proc rw - proc proc rw
40 22 0:40 / /home rw,relatime shared:3 - nfs4 server:/home rw,vers=4.2
41 40 0:41 / /home/anna/local rw - xfs /dev/vdb1 rw
42 22 0:42 / /mnt/with\040space rw,relatime - cifs //server/share rw
43 22 0:43 / /mnt/ssh rw,nosuid - fuse.sshfs anna@host: rw
44 22 0:44 / /mnt/usb rw - fuseblk /dev/sdb1 rw
45 22 0:45 / /mnt/crypt rw master:1 propagate_from:2 - fuse.gocryptfs /home/x rw
46 22 0:46 / /srv rw - ext4 /dev/vdc rw
47 46 0:47 / /srv rw - ceph mon:/ rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind", "refused"),
    [
        ("/var/state", "ext4", False),
        ("/home/anna/state", "nfs4", True),
        ("/home/anna/local/state", "xfs", False),
        ("/home/anna/locally", "nfs4", True),  # a name that only begins like a mount point
        ("/homes/state", "ext4", False),
        ("/mnt/with space/state", "cifs", True),
        ("/mnt/ssh", "fuse.sshfs", True),
        ("/mnt/usb/state", "fuseblk", False),
        ("/mnt/crypt/state", "fuse.gocryptfs", False),
        ("/srv/state", "ceph", True),  # the later mount covers the former
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_deepest_mount(path, kind, refused):
    assert kind_of(Path(path), TABLE) == kind
    assert is_network(kind) is refused


@pytest.mark.parametrize(
    "kind",
    ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs", "fuse.glusterfs", "lustre", "fuse.rclone", "NFS4"],
)  # fmt: skip
def test_a_state_may_not_live_there(kind):
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.bindfs", "virtiofs", "f2fs"])
def test_a_state_may_live_there(kind):
    assert not is_network(kind)


def test_a_table_that_says_nothing_is_no_refusal(tmp_path):
    assert kind_of(tmp_path, "") is None
    refuse_network(tmp_path, tmp_path / "no-such-table")


def test_the_table_of_this_machine_is_understood(tmp_path):
    assert kind_of(tmp_path.resolve(), MOUNT_TABLE.read_text())


def network_table(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(
        f"22 1 254:0 / / rw - ext4 /dev/vda1 rw\n40 22 0:40 / {tmp_path / 'state'} rw - nfs4 server:/ rw\n"
    )
    return table


async def test_a_state_on_a_network_file_system_is_refused_before_it_is_locked(paths, tmp_path, clock, monkeypatch):
    monkeypatch.setattr(
        "runner.store.disk.location_checks.refuse_network", lambda where: refuse_network(where, network_table(tmp_path))
    )
    with pytest.raises(StateRefused, match=r"network file system \(nfs4\)") as refusal:
        await acquire(paths, "runner apply", clock)
    assert refusal.value.code is ExitCode.STATE
    assert "local disk" in refusal.value.hint
    assert not paths.lock.exists()


def test_a_link_to_a_network_file_system_is_seen_through(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    with pytest.raises(StateRefused, match="nfs4"):
        refuse_network(tmp_path / "link", network_table(tmp_path))
