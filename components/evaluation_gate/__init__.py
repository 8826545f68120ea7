"""EvaluationGate: decides from TFMA's metrics whether a model is blessed, and says why."""
