"""ValidationGate: anomalies stop or warn, and leakage is looked for."""
