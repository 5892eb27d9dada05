"""Models x images -> arrays with provenance. `cirkd.features.extract.extract` makes them."""
