"""An ablation from a catalogue to its report."""
