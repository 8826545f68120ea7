"""How often the gate that ``penstock init`` writes refuses a model that is as good as the linear one, or better or worse.

    python benchmarks/statistics/first_gates.py

Two models score the same test rows. They agree as far as models of the same features do: ``agreement`` is the share of their
noise that is the same. "Equal" is as good as the other, "worse" is worse by twice what is allowed at these rows. Before, the
document compared with nothing, or with 0.01 (3%) whatever the rows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.special import ndtri

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipeline.project.gates import allowed_loss

REPEATS, STRENGTH, SHARE = 4000, 1.5, 0.4
ROWS = (20, 36, 87, 200, 400, 1000, 2000, 5000)
AGREEMENTS = (0.8, 0.9, 0.95)


def auc(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns the AUC of each repeat, float64 [repeats]."""
    ranks = values.argsort(1).argsort(1) + 1
    positives = labels.sum(1)
    return ((ranks * labels).sum(1) - positives * (positives + 1) / 2) / (
        positives * (labels.shape[1] - positives)
    )


def losses(rows: int, agreement: float, strength: float, repeats: int) -> dict[str, np.ndarray]:
    """Returns task → measured loss of a model whose scores separate by ``strength``, the other's by ``STRENGTH``."""
    draw = np.random.default_rng(rows)
    labels = draw.random((repeats, rows)) < SHARE
    labels[:, :2] = [True, False]
    shared, first, second = draw.normal(size=(3, repeats, rows))
    noise = [agreement**0.5 * shared + (1 - agreement) ** 0.5 * own for own in (first, second)]
    one, other = STRENGTH * labels + noise[0], strength * labels + noise[1]
    right = [((v > s / 2) == labels).mean(1) for v, s in ((one, STRENGTH), (other, strength))]
    scale = STRENGTH / strength  # a weaker model's errors are larger
    error = [np.sqrt((own**2).mean(1)) for own in (noise[0], noise[1] * scale)]
    return {
        "binary": auc(labels, one) - auc(labels, other),
        "multiclass": right[0] - right[1],
        "regression": error[1] / error[0] - 1,
    }


def weaker(task: str, loss: float) -> float:
    """Returns the separation of a model that is truly worse by a loss."""
    from scipy.special import ndtr

    if task == "regression":
        return STRENGTH / (1 + loss)
    divisor = 2**0.5 if task == "binary" else 2
    return float(divisor * ndtri(ndtr(STRENGTH / divisor) - loss))


def main() -> None:
    """Prints the table."""
    print(
        "| task | test rows | allowed | equal model passes, agreement 0.8 / 0.9 / 0.95 | with 0.01 or 3% | worse by twice refused |"
    )
    print("|---|---|---|---|---|---|")
    for task in ("binary", "multiclass", "regression"):
        for rows in ROWS:
            repeats = max(200, min(REPEATS, 2_000_000 // rows))
            allowed = allowed_loss(rows, task)
            equal = [losses(rows, agreement, STRENGTH, repeats)[task] for agreement in AGREEMENTS]
            worse = losses(rows, 0.9, weaker(task, 2 * allowed), repeats)[task]
            least = 0.03 if task == "regression" else 0.01
            passes = " / ".join(f"{(loss <= allowed + 1e-9).mean():.0%}" for loss in equal)
            fixed = f"{(equal[1] <= least + 1e-9).mean():.0%}"
            print(
                f"| {task} | {rows:,} | {allowed:.2f} | {passes} | {fixed} | {(worse > allowed).mean():.0%} |"
            )


if __name__ == "__main__":
    main()
