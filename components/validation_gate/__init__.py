"""ValidationGate: stops the run or warns on anomalies, and looks for leakage."""
