"""A store with its records as one file or one growing folder, taken at one moment, and brought back."""
