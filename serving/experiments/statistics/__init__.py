"""Statistics of an experiment that may be looked at any time: confidence sequences, sample ratio, verdict, off-policy estimates."""
