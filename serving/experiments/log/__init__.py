"""The prediction log: what was asked, who answered what, with which propensity; the source of the next training data."""
