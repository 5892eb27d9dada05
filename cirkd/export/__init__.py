"""A study on disk: tables, embeddings, and what the TensorBoard projector reads. The report is `cirkd.report`.

Every file is complete or not there.
"""
