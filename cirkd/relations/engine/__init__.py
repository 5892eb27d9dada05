"""How relations are computed: tile by tile, by PyTorch, numba or Triton, one of them for each device, type and size."""
