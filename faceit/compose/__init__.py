"""Pixels back into the frame: masks, colour, blending."""
