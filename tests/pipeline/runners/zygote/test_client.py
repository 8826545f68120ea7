"""Finding, starting and ending a zygote: one for an environment and what is installed, and none that is not to be trusted."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runners.zygote import client, connect, place
from pipeline.runners.zygote.client import Zygote
from pipeline.runners.zygote.forked import fork_like_this
from pipeline.runners.zygote.place import NoZygoteError
from tests.foundation.processes.test_tether import is_alive
from tests.pipeline.runners.zygote.conftest import PRELOAD, Fork, pid_of, until


def test_there_is_one_and_only_its_user_may_ask_it(zygote: Zygote, folder: Path) -> None:
    assert client.obtain(["json"]) == zygote
    (standing,) = client.standing()
    assert (standing.pid, standing.processes) == (pid_of(zygote), 0)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_two_that_want_one_at_once_get_the_same(folder: Path) -> None:
    code = f"import sys; sys.path[:] = {[p for p in sys.path if p]!r}\n"
    code += "from pipeline.runners.zygote import client; print(client.obtain(['json']).place.holder())"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [one.communicate(timeout=60)[0] for one in both]
    assert told[0] == told[1]
    assert int(told[0]) == client.standing()[0].pid


def test_one_that_was_begun_is_the_one_that_is_used(
    folder: Path, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = f"import os, time\nwhile not os.path.exists({str(targets / 'go')!r}): time.sleep(0.01)\n"
    (targets / "zygote_preload.py").write_text(waits, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(targets))
    client.begin(["zygote_preload"])
    assert until(lambda: bool(client.standing()))
    (standing,) = client.standing()
    assert str(standing) == f"process {standing.pid}, starting"
    client.begin(["zygote_preload"])
    (targets / "go").touch()
    assert pid_of(client.obtain(["zygote_preload"])) == standing.pid


def test_a_killed_one_leaves_nothing_that_stands_in_the_way(zygote: Zygote) -> None:
    killed = pid_of(zygote)
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: not is_alive(killed))
    assert zygote.place.socket.exists()
    assert pid_of(client.obtain(["json"])) != killed


def test_a_stuck_one_is_ended_and_the_next_run_has_another(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = pid_of(zygote)
    os.kill(stuck, signal.SIGSTOP)
    with monkeypatch.context() as impatient:
        impatient.setattr(connect, "ANSWER_SECONDS", 0.2)
        assert str(client.standing()[0]) == f"process {stuck}, does not answer"
        with pytest.raises(NoZygoteError, match="did not answer, and was ended"):
            client.obtain(["json"])
    assert until(lambda: not is_alive(stuck))
    assert pid_of(client.obtain(["json"])) != stuck


def test_it_ends_by_itself_when_nobody_needs_it(folder: Path) -> None:
    pid = pid_of(client.obtain(["json"], idle=0.1))
    assert until(lambda: not is_alive(pid))
    assert until(lambda: not list(folder.iterdir()))


def test_one_with_a_thread_more_refuses_and_ends(
    folder: Path, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (targets / "zygote_preload.py").write_text(PRELOAD, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(targets))
    zygote = client.obtain(["zygote_preload"])
    pid = pid_of(zygote)
    os.kill(pid, signal.SIGUSR1)
    assert until(lambda: len(os.listdir(f"/proc/{pid}/task")) == 2)
    with open(os.devnull, "wb") as output, pytest.raises(NoZygoteError, match="2 threads and had 1"):
        zygote.fork(fork_like_this("zygote_targets:waits", [], sys.path), [output.fileno()])
    assert until(lambda: not is_alive(pid))


def test_one_on_a_machine_without_memory_refuses(
    folder: Path, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = "from pipeline.runners.zygote import memory\nmemory.available = lambda: 12 * 2**20\n"
    (targets / "zygote_preload.py").write_text(full, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(targets))
    zygote = client.obtain(["zygote_preload"])
    with open(os.devnull, "wb") as output, pytest.raises(NoZygoteError, match="only 12 MiB of memory"):
        zygote.fork(fork_like_this("zygote_targets:waits", [], sys.path), [output.fileno()])


def test_imports_are_not_searched_for_garbage_and_what_a_process_makes_is(
    folder: Path, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (targets / "zygote_preload.py").write_text("import gc\nCOLLECTS = gc.isenabled()\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(targets))
    zygote = client.obtain(["zygote_preload"])
    with (targets / "output.txt").open("wb") as output:
        told = zygote.fork(fork_like_this("zygote_targets:tells_collection", [], sys.path), [output.fileno()])
    assert told.wait(timeout=60) == 0
    assert json.loads((targets / "output.txt").read_text()) == [False, True, True]


def test_it_does_not_keep_the_secrets_of_a_run(
    folder: Path, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_METADATA_PASSWORD", "hunter2")
    pid = pid_of(client.obtain(["json"]))
    held = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PATH=" in held
    assert b"hunter2" not in held


def test_a_changed_variable_makes_another_and_the_old_one_ends_soon(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SUPERSEDED_SECONDS", 0.1)
    old = pid_of(zygote)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert pid_of(client.obtain(["json"])) != old
    assert until(lambda: not is_alive(old))


def test_it_ends_when_packages_are_installed(
    folder: Path, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CHANGES_SECONDS", 0.1)
    packages = targets / "site-packages"
    packages.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(packages))
    monkeypatch.syspath_prepend(str(packages))
    pid = pid_of(client.obtain(["json"]))
    (packages / "tensorflow-9.9.dist-info").mkdir()
    assert until(lambda: not is_alive(pid))


def test_one_that_cannot_import_says_so(folder: Path) -> None:
    with pytest.raises(NoZygoteError, match="No module named 'no_such_module'"):
        client.obtain(["no_such_module"])
    assert client.standing() == []


def test_it_ends_after_what_it_has_forked(fork: Fork, zygote: Zygote) -> None:
    pid, child = pid_of(zygote), fork("waits")
    (standing,) = client.standing()
    assert "1 forked" in str(standing)
    assert standing.end() == "ends after the 1 that it forked"
    with pytest.raises(NoZygoteError, match="about to end"):
        client.obtain(["json"])
    child.kill()
    child.wait(30)
    assert until(lambda: not is_alive(pid))


@pytest.mark.parametrize("wrong", ["mode", "link", "owner"])
def test_a_folder_that_others_may_enter_is_not_used(
    folder: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong == "link":
        folder.symlink_to(folder.parent)
    else:
        folder.mkdir(mode=0o755 if wrong == "mode" else 0o700)
    if wrong == "owner":
        monkeypatch.setattr(place.tempfile, "tempdir", str(folder.parent))
        monkeypatch.setattr(place.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(NoZygoteError, match="not a folder of this user's alone"):
        client.obtain(["json"])
    assert client.standing() == []


def test_without_a_run_time_folder_it_is_in_the_temporary_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.tempfile, "tempdir", str(folder.parent))
    for named in ("", str(folder / "not_there")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", named)
        found = place.runtime_folder()
        assert found == folder.parent / f"penstock-{os.geteuid()}"
        assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_another_users_zygote_is_not_asked(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect.protocol, "peer_user", lambda connection: os.geteuid() + 1)
    with pytest.raises(NoZygoteError, match="another user's"):
        client.obtain(["json"])
