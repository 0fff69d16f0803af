"""Evaluation: matching, figures with intervals, and what light allows."""
