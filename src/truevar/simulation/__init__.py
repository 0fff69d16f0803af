"""Simulation: photophysics, backgrounds, scenes and movies with their truth."""
