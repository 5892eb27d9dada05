"""A `FeatureSet` -> small frozen results that carry their provenance: one module for each kind of result."""
