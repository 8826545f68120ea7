"""Contract, sections 6.2 and 6.3: Predict by REST, its JSON in and out."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.integration


def _post(rest: httpx.Client, model: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return rest.post(f"/v1/models/{model}:predict", content=content)


def _refused(rest: httpx.Client, model: str, body: Any, status: int = 400) -> str:
    answer = _post(rest, model, body)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def _given(rest: httpx.Client, model: str, body: Any) -> Any:
    answer = _post(rest, model, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


# 6.2 The document


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param("", "JSON Parse error: The document is empty", id="6.2: empty body"),
        pytest.param("{", "JSON Parse error: ", id="6.2: bad JSON"),
        pytest.param('{"instances": [1.0,]}', "JSON Parse error: ", id="6.2: trailing comma"),
        pytest.param(b'{"instances": ["\xff\xfe"]', "JSON Parse error: ", id="6.2: cut and no UTF-8"),
        pytest.param("[1.0]", "", id="6.2: non-object"),
        pytest.param('"instances"', "", id="6.2: a string"),
        pytest.param("{}", "Missing 'inputs' or 'instances' key", id="6.2: neither key"),
        pytest.param({"instances": [1.0], "inputs": [1.0]}, "", id="6.2: both keys"),
        pytest.param(
            {"signature_name": 1, "instances": [1.0]},
            "'signature_name' key must be a string value.",
            id="6.2: signature_name no string",
        ),
        pytest.param({"signature_name": "Sig", "instances": [1.0]}, "Sig", id="6.2: signature unknown"),
        pytest.param({"instances": []}, "", id="6.2: empty instances"),
        pytest.param({"instances": 1.0}, "", id="6.2: instances no list"),
        pytest.param({"instances": {"x": 1.0}}, "", id="6.2: instances an object"),
    ],
)
def test_documents_that_are_refused(rest: httpx.Client, body: Any, text: str) -> None:
    error = _refused(rest, "half_plus_two", body)
    assert error.startswith(text) if text.endswith(": ") else text in error


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param('{"instances": [1.0]} and more', [2.5], id="6.2: text after the brace"),
        pytest.param('{"instances": [1.0], "unknown": {"a": [null]}}', [2.5], id="6.2: unknown keys"),
        pytest.param('{"signature_name": "", "instances": [1.0]}', [2.5], id="6.2: signature_name empty"),
        pytest.param(
            '{"signature_name": "serving_default", "instances": [1]}', [2.5], id="6.2: signature_name"
        ),
        pytest.param(' \n\t{"instances": [1.0]}', [2.5], id="6.2: leading space"),
    ],
)
def test_documents_that_are_taken(rest: httpx.Client, body: str, expected: list[float]) -> None:
    assert _given(rest, "half_plus_two", body) == {"predictions": expected}


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_6_2_and_6_3_nan_and_infinity(rest: httpx.Client, key: str) -> None:
    answer = _post(rest, "types", f'{{"{key}": [NaN, Infinity, -Infinity, Inf, -Inf]}}')
    assert answer.status_code == 200, answer.text
    tokens = answer.text.split("[")[1].split("]")[0].replace("\n", " ").replace(",", " ").split()
    assert tokens == ["NaN", "Infinity", "-Infinity", "Infinity", "-Infinity"]


@pytest.mark.parametrize("opening", ["[", '{"x":', '{"b64":'], ids="6.2: 100,000 times {}".format)
def test_documents_of_great_depth(rest: httpx.Client, opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    deep = opening * 100_000 + "1.0" + closing * 100_000
    for key in ("instances", "inputs", "unknown"):
        assert _post(rest, "types", f'{{"{key}": {deep}}}').status_code == 400


# 6.2 Rows


@pytest.mark.parametrize(
    ("model", "instances", "expected"),
    [
        pytest.param("half_plus_two", [1.0, 2, -5e-1], [2.5, 3.0, 1.75], id="6.2: plain values"),
        pytest.param("half_plus_two", [{"x": 1.0}, {"x": 2.0}], [2.5, 3.0], id="6.2: named, one input"),
        pytest.param("types", [[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]], id="6.2: lists"),
        pytest.param("types", [[], []], [[], []], id="6.2: empty rows"),
        pytest.param(
            "arithmetic",
            [{"left": 3.0, "right": 1.0}, {"left": 5.0, "right": 2.0}],
            [{"total": 4.0, "difference": 2.0}, {"total": 7.0, "difference": 3.0}],
            id="6.2: two inputs and outputs",
        ),
    ],
)
def test_rows(rest: httpx.Client, model: str, instances: list[Any], expected: list[Any]) -> None:
    assert _given(rest, model, {"instances": instances}) == {"predictions": expected}


@pytest.mark.parametrize(
    ("model", "instances"),
    [
        pytest.param("half_plus_two", [{"x": 1.0}, 2.0], id="6.2: objects and values"),
        pytest.param("half_plus_two", [1.0, {"x": 2.0}], id="6.2: values and objects"),
        pytest.param("half_plus_two", [{"y": 1.0}], id="6.2: misnamed"),
        pytest.param("arithmetic", [1.0, 2.0], id="6.2: plain values for two inputs"),
        pytest.param("arithmetic", [{"left": 1.0}], id="6.2: an input missing"),
        pytest.param("arithmetic", [{"left": 1.0, "right": 1.0, "x": 1.0}], id="6.2: an input too many"),
        pytest.param("types", [[1.0, 2.0], [3.0]], id="6.2: unequal shapes"),
        pytest.param("types", [[[1.0], [2.0, 3.0]]], id="6.2: not rectangular"),
        pytest.param("types", [[1.0, [2.0]]], id="6.2: mixed depths"),
        pytest.param("types", [None], id="6.2: null"),
        pytest.param("types", ["1.0"], id="6.2: a string for float"),
        pytest.param("types", [True], id="6.2: a bool for float"),
        pytest.param("types", [{"b64": "AAAA"}], id="6.2: b64 for float"),
    ],
)
def test_rows_that_are_refused(rest: httpx.Client, model: str, instances: list[Any]) -> None:
    assert _refused(rest, model, {"instances": instances})


def test_6_2_row_errors_name_the_element(rest: httpx.Client) -> None:
    error = _refused(rest, "types", {"instances": [1.0, "one"]})
    assert error.startswith("Failed to process element: 1 of 'instances' list. Error: ")
    assert "is not of expected type: float" in error
    named = _refused(rest, "arithmetic", {"instances": [{"left": 1.0, "right": "one"}]})
    assert named.startswith("Failed to process element: 0 key: right of 'instances' list. Error: ")


def test_6_2_values_in_errors_are_cut(rest: httpx.Client) -> None:
    error = _refused(rest, "types", {"instances": ["Z" * 5000]})
    assert 0 < error.count("Z") <= 256


# 6.2 Columns


@pytest.mark.parametrize(
    ("model", "inputs", "expected"),
    [
        pytest.param("half_plus_two", [1.0, 2.0], [2.5, 3.0], id="6.2: bare list"),
        pytest.param("half_plus_two", {"x": [1.0, 2.0]}, [2.5, 3.0], id="6.2: named"),
        pytest.param("half_plus_two", 1.0, 2.5, id="6.2: scalar"),
        pytest.param("half_plus_two", {"x": 1.0}, 2.5, id="6.2: named scalar"),
        pytest.param(
            "half_plus_two", {"x": [1.0], "more": "ignored"}, [2.5], id="6.2: extra names are ignored"
        ),
        pytest.param("half_plus_two", [[1.0, 2.0]], [[2.5, 3.0]], id="6.2: another rank"),
        pytest.param("types", [], [], id="6.2: empty list"),
        pytest.param(
            "arithmetic",
            {"left": [1.0, 2.0], "right": 1.0},
            {"total": [2.0, 3.0], "difference": [0.0, 1.0]},
            id="6.2: first axes may differ",
        ),
    ],
)
def test_columns(rest: httpx.Client, model: str, inputs: Any, expected: Any) -> None:
    assert _given(rest, model, {"inputs": inputs}) == {"outputs": expected}


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        pytest.param("half_plus_two", [[1.0], [2.0, 3.0]], id="6.2: not rectangular"),
        pytest.param("half_plus_two", None, id="6.2: null"),
        pytest.param("half_plus_two", {"y": [1.0]}, id="6.2: misnamed"),
        pytest.param("arithmetic", [1.0], id="6.2: bare list for two inputs"),
        pytest.param("arithmetic", {"left": [1.0]}, id="6.2: an input missing"),
    ],
)
def test_columns_that_are_refused(rest: httpx.Client, model: str, inputs: Any) -> None:
    assert _refused(rest, model, {"inputs": inputs})


# 6.2 Values

TAKEN = [
    ("float32", "[1, 2.5, -3e-2]", [1.0, 2.5, -0.03]),
    ("float32", "[16777217]", [16777216.0]),
    ("float64", "[9007199254740993, 0.1]", [9007199254740992.0, 0.1]),
    ("int8", "[-128, 127]", [-128, 127]),
    ("int16", "[-32768, 32767]", [-32768, 32767]),
    ("int32", "[-2147483648, 2147483647]", [-(2**31), 2**31 - 1]),
    ("uint8", "[0, 255]", [0, 255]),
    ("int64", "[-9223372036854775808, 9223372036854775807]", [-(2**63), 2**63 - 1]),
    ("uint32", "[0, 4294967295]", [0, 2**32 - 1]),
    ("uint64", "[0, 18446744073709551615]", [0, 2**64 - 1]),
    ("bool", "[true, false]", [True, False]),
    ("string", '["", "ä\\u00e4", "\\ud83d\\ude00"]', ["", "ää", "😀"]),
    ("string", '[{"b64": "YWJj"}, {"b64": ""}]', ["abc", ""]),
    ("string", '[{"b64": "aGVs\\nbG8="}]', ["hello"]),
]


@pytest.mark.parametrize("key", ["instances", "inputs"])
@pytest.mark.parametrize(
    ("dtype", "values", "expected"), TAKEN, ids=[f"6.2: {dtype} {text}" for dtype, text, _ in TAKEN]
)
def test_values(rest: httpx.Client, key: str, dtype: str, values: str, expected: list[Any]) -> None:
    body = f'{{"signature_name": "{dtype}", "{key}": {values}}}'
    found = _given(rest, "types", body)["predictions" if key == "instances" else "outputs"]
    assert found == expected and [type(value) for value in found] == [type(value) for value in expected]


MISFITS = [
    ("int32", "1.0", "int32"),
    ("int32", "1e3", "int32"),
    ("int32", "2147483648", "int32"),
    ("int8", "2147483648", "int8"),
    ("int64", "9223372036854775808", "int64"),
    ("int64", "1.0", "int64"),
    ("uint32", "-1", "uint32"),
    ("uint32", "4294967296", "uint32"),
    ("uint64", "-1", "uint64"),
    ("uint64", "18446744073709551616", "uint64"),
    ("uint8", "2147483648", "uint8"),
    ("bool", "1", "bool"),
    ("bool", '"true"', "bool"),
    ("string", "1", "string"),
    ("string", "true", "string"),
    ("string", "null", "string"),
    ("float32", "null", "float"),
    ("float32", '"1"', "float"),
    ("float64", "true", "double"),
    ("int32", "true", "int32"),
]


@pytest.mark.parametrize("key", ["instances", "inputs"])
@pytest.mark.parametrize(
    ("dtype", "value", "name"), MISFITS, ids=[f"6.2: {value} for {dtype}" for dtype, value, _ in MISFITS]
)
def test_values_of_another_type(rest: httpx.Client, key: str, dtype: str, value: str, name: str) -> None:
    error = _refused(rest, "types", f'{{"signature_name": "{dtype}", "{key}": [{value}]}}')
    assert f" is not of expected type: {name}" in error


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"b64": "-_8="}, id="6.2: URL-safe alphabet"),
        pytest.param({"b64": "YW*j"}, id="6.2: no base64"),
        pytest.param({"b64": 1}, id="6.2: b64 no string"),
        pytest.param({"b64": "YWJj", "more": 1}, id="6.2: b64 and another key"),
        pytest.param({"other": "YWJj"}, id="6.2: another single key"),
    ],
)
def test_b64_that_is_refused(rest: httpx.Client, value: Any) -> None:
    assert _refused(rest, "types", {"signature_name": "string", "inputs": {"x": [value]}})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "complex64", "complex128"], ids="6.2: {}".format)
def test_types_that_json_has_no_form_for(rest: httpx.Client, dtype: str) -> None:
    _refused(rest, "types", {"signature_name": dtype, "inputs": [1.0]}, 501)
    _refused(rest, "types", {"signature_name": dtype, "instances": [1.0]}, 400)
    _refused(rest, "types", {"signature_name": f"to_{dtype}", "inputs": [1.0]}, 400)
    _refused(rest, "types", {"signature_name": f"to_{dtype}", "instances": [1.0]}, 400)


def test_6_2_every_type_in_one_request(rest: httpx.Client) -> None:
    row = {
        **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"), 7),
        "float32": 0.5,
        "float64": 0.25,
        "bool": True,
        "string": "s",
    }
    body = {"signature_name": "all", "instances": [row, row]}
    assert _given(rest, "types", body) == {"predictions": [row, row]}
    columns = {name: [value] for name, value in row.items()}
    assert _given(rest, "types", {"signature_name": "all", "inputs": columns}) == {"outputs": columns}


# 6.3 The response


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        pytest.param("sum", 3.0, id="6.3: scalar output"),
        pytest.param("uneven", {"y": [1.0, 2.0], "z": [1.0, 2.0, 1.0, 2.0]}, id="6.3: uneven outputs"),
    ],
)
def test_outputs_without_a_common_first_axis(rest: httpx.Client, signature: str, expected: Any) -> None:
    body = {"signature_name": signature, "inputs": [1.0, 2.0]}
    assert _given(rest, "arithmetic", body) == {"outputs": expected}
    _refused(rest, "arithmetic", {"signature_name": signature, "instances": [1.0, 2.0]})


def test_6_3_inconsistent_batch_size(rest: httpx.Client) -> None:
    error = _refused(rest, "arithmetic", {"signature_name": "uneven", "instances": [1.0, 2.0]})
    assert "inconsistent batch size" in error


@pytest.mark.parametrize("data", [b"", b"\x00\xff\xfb", b"a", b"plain"], ids=lambda data: f"6.3: {data!r}")
def test_outputs_named_bytes_are_b64(rest: httpx.Client, data: bytes) -> None:
    coded = {"b64": base64.b64encode(data).decode()}
    body = {"signature_name": "bytes", "instances": [coded, coded]}
    assert _given(rest, "types", body) == {"predictions": [coded, coded]}
    assert _given(rest, "types", {"signature_name": "bytes", "inputs": coded}) == {"outputs": coded}


@pytest.mark.parametrize(
    "text", ['"', "\\", "\n\t\x01", "ä", "</script>", "\u2028"], ids=lambda t: f"6.3: {t!r}"
)
def test_strings_come_back_as_json_strings(rest: httpx.Client, text: str) -> None:
    assert _given(rest, "types", {"signature_name": "string", "instances": [text]}) == {"predictions": [text]}


FLOATS = {
    "0.2": "0.2",
    "3": "3.0",
    "16777216": "16777216.0",
    "1e20": "1e+20",
    "0.1": "0.1",
    "-0.0": "-0.0",
    "1e-7": "1e-07",
    "1.17549435e-38": "1.17549435e-38",
    "3.4028235e38": "3.40282347e+38",
    "123456": "123456.0",
    "1234567": "1234567.0",
    "0.333333343": "0.333333343",
    "100000": "100000.0",
    "1000000": "1e+06",
    "2.5": "2.5",
    "1e-45": "1.4013e-45",
}
DOUBLES = {
    "0.1": "0.1",
    "0.2": "0.2",
    "3": "3.0",
    "0.3333333333333333": "0.33333333333333331",
    "1e300": "1e+300",
    "1234567": "1234567.0",
    "9007199254740991": "9007199254740991.0",
    "5e-324": "4.94066e-324",
}


@pytest.mark.parametrize(
    ("dtype", "sent", "expected"),
    [("float32", *pair) for pair in FLOATS.items()] + [("float64", *pair) for pair in DOUBLES.items()],
    ids=lambda value: f"6.3: {value}",
)
def test_the_text_of_floats(rest: httpx.Client, dtype: str, sent: str, expected: str) -> None:
    answer = _post(rest, "types", f'{{"signature_name": "{dtype}", "instances": [{sent}]}}')
    assert answer.status_code == 200, answer.text
    assert answer.text.split("[")[1].split("]")[0].strip() == expected


def test_6_3_random_floats_come_back_exactly_in_the_shortest_text(rest: httpx.Client) -> None:
    import numpy as np

    random = np.random.default_rng(4)
    for dtype, digits in (("float32", 9), ("float64", 17)):
        bits = random.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), 3000, np.uint64)
        values = bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
        values = values[np.isfinite(values)]
        sent = ",".join(f"{value:.17g}" for value in values.tolist())
        answer = _post(rest, "types", f'{{"signature_name": "{dtype}", "instances": [{sent}]}}')
        texts = answer.text.split("[")[1].split("]")[0].replace(",", " ").split()
        assert texts == [_shortest(value, digits) for value in values]


def _shortest(value: Any, digits: int) -> str:
    text = f"{value:g}"
    if type(value)(text) != value:
        text = f"{value:.{digits}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def test_6_3_no_key_beside_the_answer(rest: httpx.Client) -> None:
    assert list(_given(rest, "half_plus_two", {"instances": [1.0]})) == ["predictions"]
    assert list(_given(rest, "half_plus_two", {"inputs": [1.0]})) == ["outputs"]


# 6.1 The HTTP code by status


@pytest.mark.parametrize(
    ("model", "signature", "x", "status"),
    [
        pytest.param("failing", "", -1.0, 400, id="6.1: INVALID_ARGUMENT is 400"),
        pytest.param("failing", "failed_precondition", 1.0, 400, id="6.1: FAILED_PRECONDITION is 400"),
        pytest.param("failing", "not_found", 1.0, 404, id="6.1: NOT_FOUND is 404"),
    ],
)
def test_errors_of_ops(rest: httpx.Client, model: str, signature: str, x: float, status: int) -> None:
    error = _refused(rest, model, {"signature_name": signature, "instances": [x]}, status)
    assert "Traceback" not in error
