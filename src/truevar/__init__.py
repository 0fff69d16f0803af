"""TrueVAR: emitters of localisation microscopy by next-scale prediction."""
