"""Recipes x seeds: trained, measured, tabled and compared, and resumed wherever that stopped."""
