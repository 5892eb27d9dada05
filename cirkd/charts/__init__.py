"""Results as Plotly figures: one file per kind of picture. A chart takes a result and computes nothing.

A chart is drawn for the light or the dark mode that `theme.mode()` says; `theme.held` says which.
"""
