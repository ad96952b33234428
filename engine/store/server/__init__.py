"""The server engine: a Qdrant server or cluster, through qdrant-client."""
