"""How relations are computed: tile by tile, by PyTorch or Triton, one of them for each device, type and size."""
