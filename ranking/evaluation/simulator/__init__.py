"""A shop whose shoppers are known: the true value of every arm, to judge estimators by."""
