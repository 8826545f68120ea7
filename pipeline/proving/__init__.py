"""Proofs that a pipeline does what it must before it is deployed: the commands ``penstock test …``.

Each proof is one file with a function that takes a ``Project`` and yields a ``Finding`` for everything it has measured.
"""
