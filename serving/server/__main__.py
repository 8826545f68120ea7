"""``python -m serving.server`` is ``penstock-model-server``."""

import sys

from serving.server.main import main

if __name__ == "__main__":
    sys.exit(main())
