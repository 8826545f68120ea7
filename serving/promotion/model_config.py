"""TF Serving's model configuration file: which labels it has, and the same text with one label moved."""

from __future__ import annotations

from typing import Any

from foundation.errors import DataError
from serving.promotion.text_format import Field, read


def parsed(text: str, source: str) -> Any:
    """Returns a file's text as a ``ModelServerConfig``.

    Raises:
        DataError: It is none, or not a list of models.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig  # loads no TensorFlow

    try:
        message = text_format.Parse(text, ModelServerConfig())
    except text_format.ParseError as error:
        raise DataError(
            source, expected="a model configuration file of TF Serving", seen=str(error)
        ) from error
    if message.WhichOneof("config") != "model_config_list":
        raise DataError(source, expected="a model_config_list", seen="none")
    return message


def labels(message: Any, model: str) -> dict[str, int] | None:
    """Returns label → version of a model; None if the file does not list the model."""
    for entry in message.model_config_list.config:
        if entry.name == model:
            return dict(entry.version_labels)
    return None


def with_label(text: str, source: str, model: str, label: str, version: int | None) -> tuple[str, bool]:
    """Returns a file's text with a label moved, and whether everything else, comments too, stands as before.

    Args:
        text: The file's text.
        source: Its name, for messages.
        model: The model.
        label: The label; it is added if the model does not have it.
        version: The version that it is to point at; None takes the label away.

    Raises:
        DataError: The text is no model configuration, or does not list the model.
    """
    from google.protobuf import text_format

    wanted = parsed(text, source)
    entry = next((one for one in wanted.model_config_list.config if one.name == model), None)
    if entry is None:
        raise DataError(source, expected=f"model {model}", seen="a list without it")
    if version is None:
        entry.version_labels.pop(label, None)
    else:
        entry.version_labels[label] = version
    try:
        edited = _edited(text, model, label, version)
        if parsed(edited, source) == wanted:
            return edited, True
    except (
        ValueError,
        DataError,
    ):  # a notation that the editor does not know: written anew, without comments
        pass
    rewritten: str = text_format.MessageToString(wanted)
    return rewritten, False


def _edited(text: str, model: str, label: str, version: int | None) -> str:
    entry = _entry(read(text), text, model)
    found = [one for one in entry.named("version_labels") if _plain(one, "key", text) == label]
    if version is None:
        for one in reversed(found):
            begin = text.rindex("version_labels", 0, one.start)
            text = text[:begin] + text[one.end + 1 :]
        return text
    if found:
        (value,) = found[-1].named("value")  # the last entry of a key holds
        return f"{text[: value.start]}{version}{text[value.end :]}"
    added = f'version_labels {{ key: "{label}" value: {version} }}'
    inside = text[entry.start + 1 : entry.end]
    if "\n" not in inside:
        return f"{text[: entry.end].rstrip()} {added} {text[entry.end :]}"
    margin = text[text.rfind("\n", 0, entry.end) + 1 : entry.end]
    step = "" if margin.strip() else margin
    return f"{text[: entry.end].rstrip()}\n{step}  {added}\n{step}{text[entry.end :]}"


def _entry(root: Field, text: str, model: str) -> Field:
    for models in root.named("model_config_list"):
        for one in models.named("config"):
            if _plain(one, "name", text) == model:
                return one
    raise ValueError("the model is not found")


def _plain(message: Field, name: str, text: str) -> str | None:
    """Returns the text of a message's string field; protobuf itself reads its escapes."""
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

    values = list(message.named(name))
    if not values or values[-1].fields is not None:
        return None
    written = text[values[-1].start : values[-1].end]
    return str(text_format.Parse(f"name: {written}", ModelConfig()).name)
