"""Results as Plotly figures: one file per kind of picture. A chart takes a result and computes nothing.

A chart is drawn for the light or the dark mode that it is given, or else for the one that `theme.mode()` says.
"""
