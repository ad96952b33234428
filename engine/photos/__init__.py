"""Photos: bytes from anywhere to RGB pixels, within the memory that they may take."""
