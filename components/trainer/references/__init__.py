"""Two simple models beside every trained one, to compare it with: a constant and a linear model on the same split."""
