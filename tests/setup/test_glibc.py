"""When an environment gets a glibc of its own, and from where."""

import bootstrap_glibc
import pytest
from bootstrap_errors import Cause, SetupError

JAMMY = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_CODENAME": "jammy", "UBUNTU_CODENAME": "jammy"}
MINT = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_CODENAME": "vera", "UBUNTU_CODENAME": "jammy"}
AMAZON = {"ID": "amzn", "ID_LIKE": "fedora", "PRETTY_NAME": "Amazon Linux 2023"}


@pytest.fixture(autouse=True)
def apt_at_hand(monkeypatch):
    """Every program is on the path, and the host's C++ library is new enough."""
    monkeypatch.setattr(bootstrap_glibc.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(bootstrap_glibc, "_host_cxx_is_new_enough", lambda: True)


@pytest.mark.parametrize("glibc", [(2, 39), (2, 41), (3, 0)])
def test_a_new_enough_host_keeps_its_own(make_host, glibc):
    assert bootstrap_glibc.plan(make_host(glibc=glibc)) is None


def test_an_old_cxx_library_counts_like_an_old_glibc(make_host, monkeypatch):
    monkeypatch.setattr(bootstrap_glibc, "_host_cxx_is_new_enough", lambda: False)
    assert "C++ library" in bootstrap_glibc.plan(make_host(glibc=(2, 41))).reason


@pytest.mark.parametrize(
    ("release", "wanted", "codename"),
    [
        pytest.param({"ID": "debian", "VERSION_CODENAME": "bookworm"}, "trixie", "bookworm", id="Debian 12"),
        pytest.param(JAMMY, "noble", "jammy", id="Ubuntu 22.04"),
        pytest.param(MINT, "noble", "jammy", id="Mint 21"),
    ],
)
def test_each_family_takes_its_own_newer_release(make_host, release, wanted, codename):
    plan = bootstrap_glibc.plan(make_host(release=release))
    assert (plan.release, plan.codename) == (wanted, codename)
    assert "2.36" in plan.reason


def test_without_debians_family_the_ways_out_are_named(make_host):
    with pytest.raises(SetupError, match="neither Debian nor Ubuntu") as caught:
        bootstrap_glibc.plan(make_host(release=AMAZON, glibc=(2, 34)))
    assert caught.value.cause is Cause.GLIBC
    assert all(way in caught.value.remedy for way in ("Ubuntu 24.04", "Debian 13", "Dockerfile"))


def test_without_glibc_the_ways_out_are_named(make_host):
    with pytest.raises(SetupError, match="this host has none"):
        bootstrap_glibc.plan(make_host(glibc=None, release={"ID": "alpine"}))


def test_without_apt_the_ways_out_are_named(make_host, monkeypatch):
    monkeypatch.setattr(bootstrap_glibc.shutil, "which", lambda program: None)
    with pytest.raises(SetupError, match="no apt-get and no dpkg-deb on the path"):
        bootstrap_glibc.plan(make_host())


def test_the_mirror_is_the_archive_of_the_hosts_own_release():
    targets = "\n".join(
        [
            "bookworm-security|main|http://mirror/debian-security/",
            "bookworm-updates|main|http://mirror/debian/",
            "nodistro|main|https://elsewhere/",
            "bookworm|contrib|http://contrib/debian/",
            "bookworm|main|http://mirror/debian/",
        ]
    )
    assert bootstrap_glibc.choose_mirror(targets, "bookworm") == "http://mirror/debian"


def test_a_host_that_names_no_archive_gives_no_mirror():
    assert bootstrap_glibc.choose_mirror("", "bookworm") is None


def test_packages_are_always_checked_against_a_key():
    entry = bootstrap_glibc.sources_entry("http://mirror/debian", "trixie", "/keys/debian.gpg")
    assert "Signed-By: /keys/debian.gpg\n" in entry
    assert "trusted" not in entry.lower()
    assert "Signed-By" not in bootstrap_glibc.sources_entry("http://mirror/debian", "trixie", None)


def test_apt_works_in_folders_of_its_own(tmp_path):
    settings = bootstrap_glibc.apt_settings(tmp_path)
    for key in ("Dir::State::Lists", "Dir::State::status", "Dir::Cache", "Dir::Etc::SourceParts"):
        assert f'{key} "{tmp_path}' in settings
    assert "#clear APT::Update::Post-Invoke;" in settings


def test_the_libraries_folder_holds_libc_and_its_loader(tmp_path):
    folder = tmp_path / "usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    for name in ("libc.so.6", "ld-linux-x86-64.so.2"):
        (folder / name).touch()
    assert bootstrap_glibc.find_libraries(tmp_path) == folder


def test_a_tree_without_libc_is_refused(tmp_path):
    with pytest.raises(SetupError, match="no folder with libc"):
        bootstrap_glibc.find_libraries(tmp_path)


def test_only_copied_interpreters_are_patched(tmp_path):
    (tmp_path / "python3.11").touch()
    (tmp_path / "python").symlink_to("python3.11")
    assert bootstrap_glibc.interpreters(tmp_path) == [tmp_path / "python3.11"]
