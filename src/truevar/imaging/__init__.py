"""Point spread functions: their image, integrated over pixels, and its derivatives."""
