"""What another policy would have earned, from units that were assigned with known probabilities."""
