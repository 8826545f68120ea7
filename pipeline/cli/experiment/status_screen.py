"""The screen of ``penstock experiment status``."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from foundation.numbers import apart, bound, fixed
from foundation.quantities import duration_words
from pipeline.cli.screen import moment

_PHASES = {"running": "green", "draft": "yellow", "promoted": "cyan", "stopped": "red", "rolled_back": "red"}
_SHOWN_EVENTS = 5


def all_of(seen: dict[str, Any]) -> None:
    """Prints a line for each experiment."""
    table = _table("experiment", "phase", "since", "model", "arms", "units", "taken out")
    for one in seen["experiments"]:
        cells = (_phase(one["phase"]), moment(one["since"]), one["model"], ", ".join(one["arms"]))
        table.add_row(one["experiment"], *cells, f"{one['units']:,}", ", ".join(one["out"]))
    _console().print(table if seen["experiments"] else "The document has no experiment.")


def one(seen: dict[str, Any]) -> None:
    """Prints one experiment."""
    console = _console()
    head = Text.assemble((seen["experiment"], "bold"), "  ", _phase(seen["phase"]))
    if seen["since"]:
        head.append(f" since {moment(seen['since'])}")
    if seen["winner"]:
        head.append(f": {seen['winner']} answers everything")
    console.print(head)
    for line in _about(seen):
        console.print(line, style="dim", highlight=False)
    console.print(_arms(seen))
    if seen["reward"]:
        console.print(_rewards(seen), highlight=False)
    for arm, report in seen["shadows"].items():
        console.print(_shadow(arm, report), highlight=False)
    for alarm in seen["alarms"]:
        console.print(Text.assemble(("alarm: ", "bold red"), alarm))
    _print_verdict(console, seen)
    if seen["events"]:
        console.print("latest events", style="dim")
        for event in seen["events"][-_SHOWN_EVENTS:]:
            console.print(f"  {moment(event['at'])}  {event['text']}", highlight=False, markup=False)


def _shadow(arm: str, report: dict[str, Any]) -> str:
    """Returns how an arm's copies compare with the originals, in one sentence."""

    def share(name: str) -> str:
        value = report[name]
        return "none" if value is None else bound(round(value, 6))

    differs = (
        ""
        if report["mean_difference"] is None
        else (
            f", numbers differ by {report['mean_difference']:.3g} in the mean and {report['largest_difference']:.3g} at most"
        )
    )
    classes = (
        "" if report["other_class_share"] is None else f", another class in {share('other_class_share')}"
    )
    slow = (
        f"p99 at most {report['p99_ms'][1]:g} ms beside {report['p99_ms'][0]:g}"
        if all(report["p99_ms"])
        else ""
    )
    return (
        f"shadow {arm}: {share('equal_share')} of {report['compared']:,} answers equal{differs}{classes}; "
        f"{report['failed']:,} of {report['pairs']:,} copies failed alone, {report['lost']:,} lost; {slow}"
    ).rstrip("; ")


def _console() -> Console:
    # Piped into a file there is no width to keep to.
    console = Console()
    return console if console.is_terminal else Console(width=200)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in heads:
        number = head in ("share", "units", "open", "rewarded", "counted", "mean")
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    return table


def _phase(phase: str) -> Text:
    return Text(phase.replace("_", " "), style=_PHASES.get(phase, ""))


def _about(seen: dict[str, Any]) -> list[str]:
    share = "" if seen["share"] == 1 else f", {bound(round(seen['share'], 6))} of its units"
    words = {
        "document": "as the document says",
        "ramp": "as ramped, until those in the document change",
        "mode": f"as {seen['mode']} sets them",
    }
    lines = [
        f"model {seen['model']} by {seen['unit']}, layer {seen['layer']}{share}, mode {seen['mode']}",
        f"shares: {words[seen['weights_from']]}"
        + ("; the share of the layer is ramped" if seen["share_from"] == "ramp" else ""),
    ]
    if moved := seen["counters"].get("units_switched"):
        lines.append(
            f"{moved:,} units came back with another arm, moved by a ramp or a removal; their first counts"
        )
    if seen["ramp_replaced"]:
        lines.append("an earlier ramp no longer holds: the document's shares have changed since")
    return lines


def _arms(seen: dict[str, Any]) -> Table:
    table = _table(
        "arm", "share", "units", "open", "rewarded", "counted", "mean", "less control's", "", "goes to"
    )
    arms = seen["arms"]
    means = dict(zip(arms, _means([arm["mean"] for arm in arms.values()]), strict=True))
    for name, arm in arms.items():
        role = "control" if name == seen["control"] else arm["verdict"]
        if arm["out"]:
            role = "taken out"
        table.add_row(
            Text(name, style="bold" if name == seen["control"] else ""),
            bound(round(arm["weight"], 4)),
            *(f"{arm[key]:,}" for key in ("units", "pending", "rewarded", "counted")),
            means[name],
            _interval(arm) if name != seen["control"] else "",
            Text(role, style="red" if arm["out"] else ""),
            arm["target"],
        )
    return table


def _means(values: list[float | None]) -> list[str]:
    texts = iter(apart([value for value in values if value is not None]))
    return ["" if value is None else next(texts) for value in values]


def _interval(arm: dict[str, Any]) -> str:
    if arm["low"] is None or arm["high"] is None:
        return str(arm["waiting"])
    places = 4
    middle = "" if arm["difference"] is None else f"{arm['difference']:+.{places}f} "
    return f"{middle}({fixed(arm['low'], places)} to {fixed(arm['high'], places)})"


def _rewards(seen: dict[str, Any]) -> str:
    reward, counted = seen["reward"], seen["counters"]
    kinds = ("accepted", "repeated", "replaced", "conflicting", "late", "unknown", "refused")
    parts = [f"{counted[kind]:,} {kind}" for kind in kinds if counted.get(kind)]
    window = duration_words(reward["window"])
    return f"rewards ({reward['metric']}, within {window}): {', '.join(parts) or 'none yet'}"


def _print_verdict(console: Console, seen: dict[str, Any]) -> None:
    verdict = seen["verdict"]
    if verdict is None:
        return
    console.print(Text.assemble(("verdict: ", "bold"), f"{verdict['sentence']}."))
    if verdict["flip"]:
        console.print(f"What would change it: {verdict['flip']}.", highlight=False, markup=False)
    for warning in verdict["warnings"]:
        console.print(f"Note: {warning}.", highlight=False, markup=False)
