"""What set-up sees of a machine, and which machines it refuses."""

from collections import namedtuple

import pytest

from scripts.bootstrap import host
from scripts.bootstrap.errors import Cause, SetupError

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("found", "glibc"),
    [(("glibc", "2.36"), (2, 36)), (("glibc", "2.9"), (2, 9)), (("musl", "1.2.5"), None), (("", ""), None)],
)
def test_only_glibc_has_a_version_that_counts(monkeypatch, found, glibc):
    monkeypatch.setattr(host.platform, "libc_ver", lambda: found)
    assert host.look().glibc == glibc


def test_a_machine_is_described_for_people(make_host):
    assert str(make_host()).startswith("Debian GNU/Linux 12 (bookworm), x86_64, glibc 2.36, Python 3.")
    assert "no glibc" in str(make_host(glibc=None))


def test_a_host_without_a_description_has_none(monkeypatch):
    def none():
        raise OSError("no /etc/os-release")

    monkeypatch.setattr(host.platform, "freedesktop_os_release", none)
    assert host.os_release() == {}


@pytest.mark.parametrize(
    ("system", "machine"),
    [("Linux", "aarch64"), ("Darwin", "arm64"), ("Darwin", "x86_64"), ("Windows", "AMD64")],
)
def test_hosts_without_a_wheel_of_ml_metadata_are_refused(make_host, system, machine):
    with pytest.raises(SetupError, match="ml-metadata") as caught:
        host.check_architecture(make_host(system=system, machine=machine))
    assert caught.value.cause is Cause.HOST
    assert caught.value.seen == f"{system} on {machine}"
    assert "Dockerfile" in caught.value.remedy


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(host.Path, "exists", lambda self: True)
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("CXX", "no-such-compiler++ -m64")
    with pytest.raises(SetupError, match="pyfarmhash") as caught:
        host.check_compiler()
    assert caught.value.cause is Cause.COMPILER
    assert caught.value.seen == "no no-such-compiler and no no-such-compiler++"


def test_a_small_disk_is_refused_with_both_numbers(layout, monkeypatch):
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _: Usage(10**10, 0, 1024**3))
    with pytest.raises(SetupError, match=r"(?s)5\.0 GiB free.*seen: +1\.0 GiB free") as caught:
        host.check_disk(layout)
    assert caught.value.cause is Cause.DISK


def test_an_environment_that_is_replaced_gives_its_space_back(environment, monkeypatch):
    (environment.venv / "lib").mkdir()
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _: Usage(10**10, 0, 2 * 1024**3))
    host.check_disk(environment)


def test_the_cache_follows_uvs_own_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    assert host.cache_folder() == tmp_path / "deep" / "cache"
