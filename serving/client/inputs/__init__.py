"""From what a caller gives to the tensors and examples that a signature takes."""
