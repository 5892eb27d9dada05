"""Whether a training step here is one of the published code: a recorded run, repeated by this project's own trainer.

`python -m tests.step_parity FOLDER` reads `step_parity.json`, `as_published.npz` and `class_pixels.npz` there.
"""
