"""Inference: the engine, the imaging setup of a movie, localising."""
