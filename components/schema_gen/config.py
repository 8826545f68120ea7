"""How tight an inferred schema is; import-light."""

from __future__ import annotations

ID = "_id"
"""Feature that names a document: present in all of them, different in each."""
ENVIRONMENTS = ("TRAINING", "SERVING")
"""Where data comes from; the label is not in the second."""
MOST_CATEGORIES = 100
"""A text feature with more distinct values than this gets no list of allowed values."""
DOMAIN_MASS = 0.95
"""Share of a text feature's values that has to be on the list; a rare new country is no anomaly, a new spelling is."""
PRESENCE_SLACK = 0.1
"""How much further a feature that is missing in some documents may thin out, as a share of what was seen."""
FULL_PRESENCE = 0.99
"""Smallest share of documents with a feature that was in all of them."""
