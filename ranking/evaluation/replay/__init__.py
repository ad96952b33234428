"""The requests of logged lists answered again by another arm, as they would have been answered then."""
