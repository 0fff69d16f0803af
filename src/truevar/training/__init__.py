"""Training: scenes on the fly, a loop by the clock, checkpoints, validation."""
