"""Writes scikit-learn's handwritten digits as `mongoexport --jsonArray` writes a collection of scans.

    python export.py

1,797 scans of 8 × 8 pixels, the test set of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, UCI,
1998), which ships inside scikit-learn. The result is committed; the same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

from sklearn.datasets import load_digits

TARGET = Path(__file__).resolve().parent / "exports" / "digits.json.gz"


def main(target: Path = TARGET) -> None:
    pixels, digits = load_digits(return_X_y=True)
    scans = [
        {
            "_id": {"$oid": f"{row:024x}"},
            "scan": {"pixels": [int(p) for p in ink], "depth": 16},
            "digit": int(digit),
        }
        for row, (ink, digit) in enumerate(zip(pixels, digits, strict=True))
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as out:
        out.write(
            b"[" + b",\n".join(json.dumps(scan, separators=(",", ":")).encode() for scan in scans) + b"]\n"
        )
    os.replace(temporary, target)
    print(f"{target}: {len(scans):,} documents")


if __name__ == "__main__":
    main()
