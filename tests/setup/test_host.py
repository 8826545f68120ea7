"""What set-up sees of a machine, and which machines it refuses."""

from collections import namedtuple

import bootstrap_host
import pytest
from bootstrap_errors import Cause, SetupError

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("text", "version"),
    [("glibc 2.36", (2, 36)), ("2.41-12+deb13u1", (2, 41)), ("3.11.7", (3, 11)), ("musl", None), ("", None)],
)
def test_a_version_is_its_first_two_numbers(text, version):
    assert bootstrap_host.parse_version(text) == version


def test_versions_compare_as_numbers_not_as_text():
    assert bootstrap_host.parse_version("2.9") < bootstrap_host.parse_version("2.36")


def test_the_distributions_description_is_read_without_quotes(tmp_path):
    path = tmp_path / "os-release"
    path.write_text('# a comment\nID=ubuntu\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\nUBUNTU_CODENAME=jammy\n')
    assert bootstrap_host.os_release(path) == {
        "ID": "ubuntu",
        "PRETTY_NAME": "Ubuntu 22.04.5 LTS",
        "UBUNTU_CODENAME": "jammy",
    }


def test_a_host_without_a_description_has_none(tmp_path):
    assert bootstrap_host.os_release(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("system", "machine"),
    [("Linux", "aarch64"), ("Darwin", "arm64"), ("Darwin", "x86_64"), ("Windows", "AMD64")],
)
def test_hosts_without_a_wheel_of_ml_metadata_are_refused(make_host, system, machine):
    with pytest.raises(SetupError, match="ml-metadata") as caught:
        bootstrap_host.check_architecture(make_host(system=system, machine=machine))
    assert caught.value.cause is Cause.HOST
    assert caught.value.seen == f"{system} on {machine}"
    assert "Dockerfile" in caught.value.remedy


@pytest.mark.parametrize("python", ["3.9.18", "3.10.13", "3.14.0", "2.7.18"])
def test_pythons_without_wheels_are_refused(make_host, python):
    with pytest.raises(SetupError, match=r"3\.11 to 3\.13") as caught:
        bootstrap_host.check_python(make_host(python=python))
    assert caught.value.cause is Cause.PYTHON


@pytest.mark.parametrize("python", ["3.11.7", "3.12.0", "3.13.5"])
def test_pythons_with_wheels_are_accepted(make_host, python):
    bootstrap_host.check_python(make_host(python=python))


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(bootstrap_host.Path, "exists", lambda self: True)
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("CXX", "no-such-compiler++ -m64")
    with pytest.raises(SetupError, match="pyfarmhash") as caught:
        bootstrap_host.check_compiler()
    assert caught.value.cause is Cause.COMPILER
    assert caught.value.seen == "no no-such-compiler and no no-such-compiler++"


def test_a_small_disk_is_refused_with_both_numbers(layout, monkeypatch):
    monkeypatch.setattr(bootstrap_host.shutil, "disk_usage", lambda _: Usage(10**10, 0, 1024**3))
    with pytest.raises(SetupError, match=r"5\.0 GiB free.*seen 1\.0 GiB free") as caught:
        bootstrap_host.check_disk(layout)
    assert caught.value.cause is Cause.DISK


def test_an_environment_that_is_replaced_gives_its_space_back(environment, monkeypatch):
    (environment.venv / "lib").mkdir()
    monkeypatch.setattr(bootstrap_host.shutil, "disk_usage", lambda _: Usage(10**10, 0, 2 * 1024**3))
    bootstrap_host.check_disk(environment)


def test_the_cache_follows_uvs_own_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    assert bootstrap_host.cache_folder() == tmp_path / "deep" / "cache"
