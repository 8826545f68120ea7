"""The shape of our own imports that no contract of import-linter's can say: there is no circle of modules."""

from __future__ import annotations

import graphlib

import grimp


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Imports inside functions count; those for type checking alone do not."""
    graph = grimp.build_graph(
        "foundation",
        "components",
        "pipeline",
        "serving",
        exclude_type_checking_imports=True,
        cache_dir=None,
    )
    sorter = graphlib.TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )
    sorter.prepare()  # the CycleError shows the circle
