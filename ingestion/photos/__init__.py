"""Photos as bytes: fetched safely, decoded safely."""
