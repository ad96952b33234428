"""Finding the product in its photo: a detector prompted with the product type, and the rule that crops."""
