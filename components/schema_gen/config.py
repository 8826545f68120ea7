"""Constants for how tight an inferred schema is; light to import."""

from __future__ import annotations

ID = "_id"
"""Feature that identifies a document: present in each, and unique."""
ENVIRONMENTS = ("TRAINING", "SERVING")
"""Environments of the data; the label is missing in the second."""
MOST_CATEGORIES = 100
"""Text features with more distinct values get no list of allowed values."""
DOMAIN_MASS = 0.95
"""Share of a text feature's values that must be on the list; a rare new country passes, a new spelling does not."""
PRESENCE_SLACK = 0.1
"""How much rarer a sometimes missing feature may become, as a share of its present frequency."""
FULL_PRESENCE = 0.99
"""Smallest allowed share of documents with a feature that was in all of them."""
