"""A plugin for napari: tables as points, a panel that localises a movie, sample data.

``napari.yaml`` says what napari finds here. Nothing else in the package imports this, and
napari is needed only for it: ``pip install "truevar[napari]"``.
"""
