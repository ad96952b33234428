"""What every route shares: shapes, errors, problem+json, HTML."""
