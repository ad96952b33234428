"""Items, the fused space, models, training and the vector store. Knows no HTTP and no ranking."""
