"""EvaluationGate: decides by TFMA's metrics whether a model is blessed, and says why."""
