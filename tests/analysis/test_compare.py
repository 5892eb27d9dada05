"""Differences and common scales of the matrices of several models."""

import numpy as np
import pytest

from cirkd.analysis.compare import compare_matrices


def test_differences_are_to_the_reference_and_scales_hold_every_value():
    rng = np.random.default_rng(0)
    matrices = {name: rng.uniform(-0.42, 0.97, (5, 7)) for name in ("teacher", "before", "after")}
    compared = compare_matrices(matrices, "teacher")
    assert list(compared.differences) == ["before", "after"]
    for name, difference in compared.differences.items():
        np.testing.assert_array_equal(difference, matrices[name] - matrices["teacher"])
    assert all(compared.low <= m.min() and m.max() <= compared.high for m in matrices.values())
    assert (compared.low, compared.high) == (-0.5, 1.0)
    everything = np.abs(np.stack(list(compared.differences.values())))
    assert np.quantile(everything, 0.995) <= compared.limit <= everything.max() + 0.01


def test_a_missing_reference_is_replaced_by_the_first_model():
    compared = compare_matrices({"before": np.ones((2, 2)), "after": np.zeros((2, 2))}, "teacher")
    assert compared.reference == "before"
    assert list(compared.differences) == ["after"]
    assert compared.limit == 1.0


def test_one_model_nan_and_constant_matrices_still_have_a_scale():
    compared = compare_matrices({"after": np.array([[1.0, np.nan], [1.0, 1.0]])}, "teacher")
    assert compared.differences == {}
    assert (compared.low, compared.high, compared.limit) == (0.9, 1.0, 0.01)
    empty = compare_matrices({"after": np.full((1, 1), np.nan)}, "after")
    assert (empty.low, empty.high) == (0.0, 1.0)


def test_no_matrix_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        compare_matrices({}, "teacher")
