"""Finding the product in its photo: a detector asked with the product type, and the rule that crops."""
