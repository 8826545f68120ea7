"""Penstock's pipeline: the declarative document, its graph, its plan, its runners and its lineage."""

import os

# ML Metadata's library reads this once, when it is loaded, and whatever loads it in our processes has imported this first. It
# would tell of each connection to a server; errors are still told. A value that the person has set stays.
os.environ.setdefault("GLOG_minloglevel", "2")
