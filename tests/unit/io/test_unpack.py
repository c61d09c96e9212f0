"""Archives of unknown origin: what is not allowed ends the work before it is on the disk."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from sparring.io import archives
from sparring.io.archives import Limits


def packed(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, body in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(body), kind, link
            archive.addfile(member, io.BytesIO(body))
    return io.BytesIO(stream.getvalue())


def test_an_ordinary_archive_is_unpacked(tmp_path: Path) -> None:
    archives.unpack(packed(("a/b", b"1"), ("c", b"2")), tmp_path / "in")
    assert {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == {
        "in/a/b": b"1",
        "in/c": b"2",
    }


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "./../out"])
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(archives.ArchiveError):
        archives.unpack(packed((name, b"1")), tmp_path / "in")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_that_lead_out_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(archives.ArchiveError):
        archives.unpack(packed(("a", b""), kind=kind, link="/etc/passwd"), tmp_path / "in")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(size=999), "more than 999 bytes"),
        (Limits(members=2), "more than 2 members"),
        (Limits(depth=2), "more than 2 folders deep"),
    ],
)
def test_what_is_beyond_a_limit_never_gets_to_the_disk(tmp_path: Path, limits: Limits, said: str) -> None:
    archive = packed(("small", b"1"), ("x", b"2"), ("a/b/c/large", b"3" * 1_000))
    with pytest.raises(archives.ArchiveError, match=said):
        archives.unpack(archive, tmp_path, limits)
    assert not (tmp_path / "a").exists()


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    with pytest.raises(archives.ArchiveError, match="more than 500 times its"):
        archives.unpack(packed(("bomb", bytes(80 * 2**20))), tmp_path)
    assert list(tmp_path.iterdir()) == []


NO_ARCHIVES = {
    "empty": b"",
    "text": b"no archive",
    "gzip of no tar": gzip.compress(b"no tar"),
    "cut": packed(("a", b"1" * 999)).getvalue()[:60],
}


@pytest.mark.parametrize("body", NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_what_is_no_archive_says_so(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(archives.ArchiveError, match="no readable archive"):
        archives.unpack(io.BytesIO(body), tmp_path)
