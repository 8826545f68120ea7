"""Evaluator: TFMA measures, our gate decides."""
