"""The vector store: one protocol (`store`), one implementation over Qdrant (`qdrant`), two engines."""
