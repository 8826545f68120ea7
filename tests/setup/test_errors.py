"""Every failure names its cause and remedy."""

import pytest

from scripts.bootstrap.errors import REMEDIES, Cause, SetupError, cause_of


def test_a_report_names_cause_subject_expected_seen_and_remedy():
    error = SetupError(cause=Cause.DISK, subject="/data", expected="5 GiB", seen="1 GiB", remedy="free some")
    assert str(error).splitlines() == [
        "Set-up cannot go on. Cause: disk",
        "  subject:  /data",
        "  expected: 5 GiB",
        "  seen:     1 GiB",
        "  remedy:   free some",
    ]


def test_several_lines_are_aligned():
    report = str(SetupError(cause=Cause.GLIBC, subject="a", expected="b", seen="one\ntwo", remedy="c"))
    assert "  seen:     one\n            two\n" in report


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        pytest.param("OSError: [Errno 28] No space left on device", Cause.DISK, id="disk full"),
        pytest.param("failed to write: Disk quota exceeded (os error 122)", Cause.DISK, id="quota"),
        pytest.param("error sending request for url (https://host/x)", Cause.NETWORK, id="uv offline"),
        pytest.param(
            "NewConnectionError: Failed to establish a new connection", Cause.NETWORK, id="pip offline"
        ),
        pytest.param("Err:1 http://host trixie\n  Could not resolve 'host'", Cause.NETWORK, id="apt offline"),
        pytest.param("invalid peer certificate: UnknownIssuer", Cause.NETWORK, id="certificate"),
        pytest.param("403 Forbidden [IP: 10.0.0.1 80]", Cause.NETWORK, id="mirror says no"),
        pytest.param("error: command 'g++' failed: No such file", Cause.COMPILER, id="no compiler"),
        pytest.param("fatal error: Python.h: No such file or directory", Cause.COMPILER, id="no headers"),
        pytest.param("Hash mismatch for six==1.17.0", Cause.PACKAGES, id="unknown"),
    ],
)
def test_the_cause_is_read_from_a_failed_commands_output(output, cause):
    assert cause_of(output, Cause.PACKAGES) is cause


def test_a_full_disk_counts_before_the_network_errors_it_brings():
    assert cause_of("request failed after 3 retries: No space left on device", Cause.PACKAGES) is Cause.DISK


@pytest.mark.parametrize("cause", Cause, ids=str)
def test_every_cause_has_a_remedy(cause):
    error = SetupError(cause=cause, subject="a", expected="b", seen="c")
    assert error.remedy == REMEDIES[cause] != ""
