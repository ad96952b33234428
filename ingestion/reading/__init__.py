"""Files of a catalogue, read as rows, then as items."""
