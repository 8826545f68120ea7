"""The earlier artifacts that a run is compared with."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.component


def made(kind: Any, artifact_id: int, **properties: int) -> Any:
    artifact = kind()
    artifact.id = artifact_id
    for key, value in properties.items():
        artifact.set_int_custom_property(key, value)
    return artifact


def resolve_baseline(candidate: int, blessed: dict[int, int], served: list[tuple[int, int]]) -> list[int]:
    from tfx.types import standard_artifacts as types

    from components.resolvers.strategies import BlessedBeforeStrategy

    models = [made(types.Model, i) for i in {candidate, *blessed}]
    blessings = [
        made(types.ModelBlessing, 100 + i, blessed=b, current_model_id=i) for i, b in blessed.items()
    ]
    inputs = {"candidate": [made(types.Model, candidate)], "model": models, "model_blessing": blessings}
    if served:
        inputs["infra_blessing"] = [
            made(types.InfraBlessing, 200 + place, blessed=fit, validated_model_id=model)
            for place, (model, fit) in enumerate(served)
        ]
    return [m.id for m in BlessedBeforeStrategy().resolve_artifacts(None, inputs)["model"]]


@pytest.mark.parametrize(
    ("candidate", "blessed", "served", "baseline"),
    [
        pytest.param(5, {}, [], [], id="nothing blessed"),
        pytest.param(5, {2: 1, 3: 1}, [], [3], id="the latest"),
        pytest.param(5, {2: 1, 3: 0}, [], [2], id="not what was refused"),
        pytest.param(5, {2: 1, 5: 1}, [], [2], id="never itself"),
        pytest.param(5, {2: 1, 9: 1}, [], [2], id="nothing later"),
        pytest.param(5, {2: 1, 3: 1}, [(2, 1), (3, 0)], [2], id="not what was unfit to serve"),
        pytest.param(5, {2: 1, 3: 1}, [(3, 0), (3, 1)], [3], id="the latest blessing counts"),
        pytest.param(5, {2: 1, 3: 1}, [(2, 1)], [3], id="a model never served can be the baseline"),
    ],
)
def test_the_baseline(
    candidate: int, blessed: dict[int, int], served: list[tuple[int, int]], baseline: list[int]
) -> None:
    assert resolve_baseline(candidate, blessed, served) == baseline


def resolve_blessed(
    blessed: dict[int, int], served: list[tuple[int, int]]
) -> tuple[list[int], list[int], list[int]]:
    """Returns the model to predict with in the run of model 5, its blessing's id and that of its trial in a server."""
    from tfx.types import standard_artifacts as types

    from components.resolvers.strategies import BlessedNowStrategy

    blessings = [
        made(types.ModelBlessing, 100 + i, blessed=b, current_model_id=i) for i, b in blessed.items()
    ]
    trials = [
        made(types.InfraBlessing, 200 + place, blessed=fit, validated_model_id=model)
        for place, (model, fit) in enumerate(served)
    ]
    inputs = {
        "candidate": [made(types.Model, 5)],
        "verdict": [one for one in blessings if one.id == 105],
        "served": [one for one in trials if one.get_int_custom_property("validated_model_id") == 5],
        "model": [made(types.Model, i) for i in blessed],
        "model_blessing": blessings,
        "infra_blessing": trials,
    }
    found = BlessedNowStrategy().resolve_artifacts(None, inputs)
    model, blessing, trial = (
        [one.id for one in found[key]] for key in ("model", "model_blessing", "infra_blessing")
    )
    return model, blessing, trial


@pytest.mark.parametrize(
    ("blessed", "served", "expected"),
    [
        pytest.param({2: 1, 5: 1}, [], ([5], [105], []), id="this run's"),
        pytest.param(
            {2: 1, 5: 1, 9: 1}, [], ([5], [105], []), id="this run's, though a later one is blessed"
        ),
        pytest.param({2: 1, 3: 1, 5: 0}, [], ([3], [103], []), id="the last one before"),
        pytest.param({2: 1, 5: 0, 9: 1}, [], ([9], [109], []), id="a later one, which is served now"),
        pytest.param(
            {2: 1, 5: 1}, [(2, 1), (5, 0)], ([2], [102], [200]), id="this run's is not fit to serve"
        ),
        pytest.param({2: 1, 3: 1, 5: 0}, [(3, 0)], ([2], [102], []), id="not what was unfit to serve"),
        pytest.param(
            {5: 0}, [(5, 1)], ([5], [105], [200]), id="none is blessed: the refused one, with its verdict"
        ),
    ],
)
def test_the_model_to_predict_with(
    blessed: dict[int, int], served: list[tuple[int, int]], expected: tuple[list[int], list[int], list[int]]
) -> None:
    assert resolve_blessed(blessed, served) == expected


@pytest.mark.parametrize(
    ("current", "earlier", "expected"),
    [
        pytest.param((7, 3), [(5, 1), (6, 2)], [6], id="the previous span"),
        pytest.param((7, 2), [(5, 1), (6, 3)], [5], id="a later span that was read earlier does not count"),
        pytest.param((7, 2), [(6, 2)], [], id="the same span again"),
        pytest.param((7, 0), [(5, 0), (9, 0)], [5], id="without spans, what was made before"),
        pytest.param((7, 1), [], [], id="the first"),
    ],
)
def test_the_statistics_before(
    current: tuple[int, int], earlier: list[tuple[int, int]], expected: list[int]
) -> None:
    from tfx.types import standard_artifacts as types

    from components.resolvers.strategies import PreviousStatisticsStrategy

    def statistics(artifact_id: int, span: int) -> Any:
        artifact = types.ExampleStatistics()
        artifact.id, artifact.span = artifact_id, span
        return artifact

    everything = [statistics(*one) for one in (*earlier, current)]
    found = PreviousStatisticsStrategy().resolve_artifacts(
        None, {"current": [statistics(*current)], "previous": everything}
    )
    assert [a.id for a in found["previous"]] == expected


def test_the_rows_behind_the_statistics_before() -> None:
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2 as mlmd
    from tfx.types import standard_artifacts as types

    from components.resolvers.strategies import PreviousStatisticsStrategy

    store = MetadataStore(mlmd.ConnectionConfig(fake_database=mlmd.FakeDatabaseConfig()))
    kinds = {
        name: store.put_artifact_type(mlmd.ArtifactType(name=name)) for name in ("Examples", "Statistics")
    }
    work = store.put_execution_type(mlmd.ExecutionType(name="StatisticsGen"))

    def made(kind: str) -> int:
        return int(store.put_artifacts([mlmd.Artifact(type_id=kinds[kind])])[0])

    examples, statistics = [made("Examples") for _ in range(3)], [made("Statistics") for _ in range(2)]
    for read, written in zip(examples, statistics, strict=False):
        execution = store.put_executions([mlmd.Execution(type_id=work)])[0]
        events = [
            mlmd.Event(artifact_id=read, execution_id=execution, type=mlmd.Event.INPUT),
            mlmd.Event(artifact_id=written, execution_id=execution, type=mlmd.Event.OUTPUT),
        ]
        store.put_events(events)

    def found_as(kind: Any, artifact_id: int, span: int) -> Any:
        artifact = kind()
        artifact.id, artifact.span = artifact_id, span
        return artifact

    earlier, current = [
        found_as(types.ExampleStatistics, one, span) for span, one in enumerate(statistics, start=1)
    ]
    found = PreviousStatisticsStrategy().resolve_artifacts(
        store,
        {
            "current": [current],
            "previous": [earlier, current],
            "examples": [found_as(types.Examples, one, 1) for one in examples],
        },
    )
    assert [a.id for a in found["previous"]] == [statistics[0]]
    assert [a.id for a in found["examples"]] == [examples[0]]
