"""What a movie tells about its microscope: camera, PSF width, and whether what is stated fits."""
