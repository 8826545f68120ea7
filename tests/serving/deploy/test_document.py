from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import SpecError
from serving.deploy.document import DeployDocument
from serving.deploy.reader import parse_document, read_document


def parse(text: str) -> DeployDocument:
    return parse_document(text, "serving.yaml")


def test_a_small_document_has_defaults() -> None:
    document = parse("name: learners\nmodels:\n  retention:\n")
    assert document.base_path("retention") == "/models/retention"
    assert document.models["retention"].versions.latest == 1
    assert document.compose is None
    assert document.kubernetes is None


@pytest.mark.parametrize("said", ["", "true", "{}"])
def test_a_section_may_be_empty(said: str) -> None:
    document = parse(f"name: a\nmodels: {{m: {{}}}}\nmonitoring: {said}\ncompose: {said}\n")
    assert document.monitoring is not None
    assert document.compose is not None


@pytest.mark.parametrize(
    ("said", "kind"),
    [("all", (1, True, ())), ("[3, 5]", (1, False, (3, 5))), ("{latest: 2}", (2, False, ()))],
)
def test_versions_have_three_forms(said: str, kind: tuple[int, bool, tuple[int, ...]]) -> None:
    versions = parse(f"name: a\nmodels: {{m: {{versions: {said}}}}}\n").models["m"].versions
    assert (versions.latest, versions.all, versions.specific) == kind


WRONG = {
    "name: Learners\nmodels: {m: {}}": "serving.yaml:1:7: name: expected lower case letters.*; seen: 'Learners'",
    "name: a\nmodel: {m: {}}": "serving.yaml:2:1: model: unknown key 'model'; did you mean 'models'",
    "models: {m: {}}": "serving.yaml:1:1: name: this key is missing; expected name of the service",
    "name: a\nmodels: {}": "models: .*at least 1",
    "name: a\nmodels:\n  m: {version: 3}": "serving.yaml:3:7: models.m.version: .*'versions'",
    "name: a\nmodels: {m: {versions: 3}}": "models.m.versions: expected all, a list of version numbers, or",
    "name: a\nmodels: {m: {versions: []}}": "an empty list serves nothing",
    "name: a\nmodels: {m: {versions: [x]}}": r"models.m.versions\[0\]: expected a whole number; seen: 'x'",
    "name: a\nmodels: {m: {labels: {'a b': 1}}}": "letters, digits and underscores",
    "name: a\nmodels: {m: {base_path: models}}": "expected an absolute path such as /models/m, or a URI",
    "name: a\nmodels: {m: {base_path: /data/m}}": "the server sees the models' volume as /models",
    "name: a\nmodels: {a/b: {}}": "must not contain / or :",
    "name: a\nmodels: {m: {versions: [3], labels: {s: 4}}}": "labels.s: version 4 is not served; expected one of 3",
    "name: a\nmodels: {m: {}}\nflags: {port: 1}": "flags.port: this flag is set by the key grpc_port",
    "name: a\nmodels: {m: {}}\nflags: {rest_api_timeout_ms: 1}": "did you mean 'rest_api_timeout_in_ms'",
    "name: a\nmodels: {m: {}}\nflags: {worker_processes: 2}": "tensorflow_model_server has no such flag",
    "name: a\nmodels: {m: {}}\nflags: {rest_api_num_threads: [1]}": "flags.rest_api_num_threads: expected true or false or a whole number .*seen: a list of 1 item",
    "name: a\nmodels: {m: {}}\nrest_port: 8500": "a port other than gRPC's",
    "name: a\nmodels: {m: {}}\nexecutable: penstock-model-server": "it is not in TF Serving's image",
    "name: a\nmodels: {m: {}}\nkubernetes: {replicas: 1}": "kubernetes: .*storage.claim",
    "name: a\nmodels: {m: {base_path: 's3://b/m'}}\nkubernetes: {autoscale: {most: 1}}": "at least replicas",
    "name: a\nmodels: {m: {}}\nresources: {cpu: 2, cpu_limit: 1}": "resources.cpu_limit: .*expected at least cpu, which is 2; seen: 1",
    "name: a\nmodels: {m: {}}\nresources: {cpu_limit: 999m}": "resources.cpu_limit: .*which is 1; seen: 999m; raise cpu_limit",
    "name: a\nmodels: {m: {}}\nresources: {memory: 2Gi, memory_limit: 2G}": "resources.memory_limit: .*which is 2Gi; seen: 2G",
    "name: a\nmodels: {m: {}}\nresources: {memory_limit: 2e9}": "resources.memory_limit: .*which is 2Gi; seen: 2000000000.0",
    "name: a\nmodels: {m: {}}\nresources: {memory: 500m}": "at least 1 byte; seen: 500m, which is 0.500 of a byte; .*500Mi",
    "name: a\nmodels: {m: {}}\nresources: {cpu: 0}": "resources.cpu: expected at least 0.001 core; seen: 0",
    "name: a\nmodels: {m: {}}\nkubernetes: {storage: {claim: c, size: 5m}}": "storage.size: expected at least 1 byte; .*5Mi",
    "name: a\nmodels: {m: {}}\nresources: {memory: lots}": "resources.memory: expected a quantity such as",
    "name: a\nmodels: {m: {}}\nbatching: {max_batch_size: 8, allowed_batch_sizes: [4]}": "max_batch_size, which is 8",
    "name: a\nmodels: {m: {}}\nbatching: {allowed_batch_sizes: [8, 4]}": "ascending",
    "name: a\nname: b\nmodels: {m: {}}": "serving.yaml:2:1: name: this key is given twice, first at line 1",
    "name: [": "this is not YAML",
    "- a": "expected keys and values",
    "": "serving.yaml:1:1: the document is empty; name and models are required",
}


@pytest.mark.parametrize("text", WRONG)
def test_errors_have_a_position(text: str) -> None:
    with pytest.raises(SpecError, match=WRONG[text]):
        parse(text)


def test_all_problems_are_reported_at_once_in_line_order() -> None:
    with pytest.raises(SpecError) as caught:
        parse("naem: a\nmodels: {m: {verions: all}}\nimage: 3\n")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "1", "2", "3"]


def test_extensions_of_our_server_are_flags_of_it() -> None:
    text = "name: a\nmodels: {m: {}}\nexecutable: penstock-model-server\nimage: mine:1\nflags: {worker_processes: 2}"
    assert parse(text).flags == {"worker_processes": 2}


def test_no_yes_and_quantities_are_what_they_look_like() -> None:
    document = parse("name: no\nmodels: {on: {}}\nresources: {cpu: 2, memory: 1Gi}\nimage: yes\n")
    assert (document.name, list(document.models), document.resources.cpu, document.image) == (
        "no",
        ["on"],
        "2",
        "yes",
    )


def test_missing_files_and_files_that_are_not_text_are_reported(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        read_document(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe4")
    with pytest.raises(SpecError, match="UTF-8"):
        read_document(tmp_path / "latin.yaml")
    with pytest.raises(SpecError, match=r"this is a folder; .* such as serving\.yaml"):
        read_document(tmp_path)


def test_aliases_and_deep_nesting_are_not_expanded() -> None:
    with pytest.raises(SpecError, match="nested"):
        parse("name: a\nmodels: " + "{a: " * 140 + "}" * 140)
    with pytest.raises(SpecError, match="an alias that holds itself"):
        parse("name: a\nmodels: &m {a: *m}")
    bomb = ["x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    bomb += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 7)]
    with pytest.raises(SpecError, match="the document unfolds to more than"):
        parse("\n".join(bomb))
