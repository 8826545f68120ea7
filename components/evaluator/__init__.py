"""Evaluator: TFMA measures a model on the test split."""
