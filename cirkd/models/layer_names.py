"""The layers that every network has by the same name, where they are needed without PyTorch."""

DECODER, PROJECTED = "decoder", "projected"
EMBEDDINGS = (DECODER, PROJECTED)
"""The layers that the distillation itself compares."""
STAGE = "stage"
"""How the names of the encoder's maps begin; a number follows, from 1."""
