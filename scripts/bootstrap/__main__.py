"""Makes ``python scripts/bootstrap`` run the package, from any working directory."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bootstrap.main import main  # noqa: E402

sys.exit(main())
