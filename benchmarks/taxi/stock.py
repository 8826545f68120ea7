"""Stock TFX's own Chicago taxi example, as its package brings it, with its own runner and its own settings.

python stock.py --root FOLDER
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tfx.examples import chicago_taxi_pipeline
from tfx.examples.chicago_taxi_pipeline import taxi_pipeline_native_keras as example
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

NAME = "chicago_taxi"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder for everything that is made")
    root: Path = parser.parse_args().root
    package = Path(next(iter(chicago_taxi_pipeline.__path__)))
    data, module = root / "data", root / "taxi_utils_native_keras.py"
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package / "data" / "simple" / "data.csv", data / "data.csv")
    shutil.copyfile(package / module.name, module)
    BeamDagRunner().run(
        example._create_pipeline(
            pipeline_name=NAME,
            pipeline_root=str(root / "artifacts"),
            data_root=str(data),
            module_file=str(module),
            serving_model_dir=str(root / "serving"),
            metadata_path=str(root / "metadata.db"),
            beam_pipeline_args=example._beam_pipeline_args,
        )
    )


if __name__ == "__main__":
    main()
