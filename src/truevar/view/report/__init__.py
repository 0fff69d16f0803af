"""A table as one HTML file to look at, judge and keep.

``page.py`` has the list of sections; each is made by one function, from the table and, where it
is at hand, a sample of the movie's frames.
"""
