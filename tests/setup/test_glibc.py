"""When an environment gets a glibc of its own, and from where."""

import pytest

from scripts.bootstrap import glibc
from scripts.bootstrap.errors import Cause, SetupError

JAMMY = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_CODENAME": "jammy", "UBUNTU_CODENAME": "jammy"}
MINT = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_CODENAME": "vera", "UBUNTU_CODENAME": "jammy"}
AMAZON = {"ID": "amzn", "ID_LIKE": "fedora", "PRETTY_NAME": "Amazon Linux 2023"}


@pytest.fixture(autouse=True)
def apt_at_hand(monkeypatch):
    """Every program is on the path, and the host's C++ library is new enough."""
    monkeypatch.setattr(glibc.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(glibc, "_host_cxx_is_new_enough", lambda: True)


@pytest.mark.parametrize("version", [(2, 39), (2, 41), (3, 0)])
def test_a_new_enough_host_keeps_its_own(make_host, version):
    assert glibc.plan(make_host(glibc=version)) is None


def test_an_old_cxx_library_counts_like_an_old_glibc(make_host, monkeypatch):
    monkeypatch.setattr(glibc, "_host_cxx_is_new_enough", lambda: False)
    assert "C++ library" in glibc.plan(make_host(glibc=(2, 41))).reason


@pytest.mark.parametrize(
    ("release", "wanted", "codename"),
    [
        pytest.param({"ID": "debian", "VERSION_CODENAME": "bookworm"}, "trixie", "bookworm", id="Debian 12"),
        pytest.param(JAMMY, "noble", "jammy", id="Ubuntu 22.04"),
        pytest.param(MINT, "noble", "jammy", id="Mint 21"),
    ],
)
def test_each_family_takes_its_own_newer_release(make_host, release, wanted, codename):
    plan = glibc.plan(make_host(release=release))
    assert (plan.release, plan.codename) == (wanted, codename)
    assert "2.36" in plan.reason


def test_without_debians_family_the_ways_out_are_named(make_host):
    with pytest.raises(SetupError, match="neither Debian nor Ubuntu") as caught:
        glibc.plan(make_host(release=AMAZON, glibc=(2, 34)))
    assert caught.value.cause is Cause.GLIBC
    assert all(way in caught.value.remedy for way in ("Ubuntu 24.04", "Debian 13", "Dockerfile"))


def test_without_glibc_the_ways_out_are_named(make_host):
    with pytest.raises(SetupError, match="this host has none"):
        glibc.plan(make_host(glibc=None, release={"ID": "alpine"}))


def test_without_apt_the_ways_out_are_named(make_host, monkeypatch):
    monkeypatch.setattr(glibc.shutil, "which", lambda program: None)
    with pytest.raises(SetupError, match="no apt-get and no dpkg-deb on the path"):
        glibc.plan(make_host())


def test_the_libraries_folder_holds_libc_and_its_loader(tmp_path):
    folder = tmp_path / "usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    for name in ("libc.so.6", "ld-linux-x86-64.so.2"):
        (folder / name).touch()
    assert glibc.find_libraries(tmp_path) == folder


def test_a_tree_without_libc_is_refused(tmp_path):
    with pytest.raises(SetupError, match="no folder with libc"):
        glibc.find_libraries(tmp_path)


def test_only_copied_interpreters_are_patched(tmp_path):
    (tmp_path / "python3.11").touch()
    (tmp_path / "python").symlink_to("python3.11")
    assert glibc.interpreters(tmp_path) == [tmp_path / "python3.11"]
