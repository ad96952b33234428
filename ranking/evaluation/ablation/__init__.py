"""What each step of VL-CLIP is worth."""
