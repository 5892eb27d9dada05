"""Renders the bundled street images and their exact labels (see README.md in this folder)."""
