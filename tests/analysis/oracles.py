"""Slow, obvious versions of what `cirkd.analysis` measures."""

import numpy as np


def unit(rows):
    return np.array([row / np.linalg.norm(row) if np.linalg.norm(row) > 0 else row for row in rows.astype(float)])


def softmax(row, temperature):
    weights = np.exp((row - row.max()) / temperature)
    return weights / weights.sum()


def row_divergence(student, student_keys, teacher, teacher_keys, temperature):
    """KL(teacher || student) of one pixel over some keys; all l2-normalised."""
    q = softmax(teacher_keys @ teacher, temperature)
    p = softmax(student_keys @ student, temperature)
    return float(np.sum(q * (np.log(q) - np.log(p))))


def mean_cosine(a, b, same):
    """Mean cosine of the rows of two sets; `same(i, j)` tells which pairs do not count."""
    values = [a[i] @ b[j] for i in range(len(a)) for j in range(len(b)) if not same(i, j)]
    return np.mean(values) if values else np.nan


def debiased_hsic(k, m):
    """The unbiased HSIC of two kernel matrices [n, n], Song et al. (2012), eq. 5."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    return (
        np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)
    ) / (n * (n - 3))


def debiased_cka(x, y):
    k, m = x @ x.T, y @ y.T
    return debiased_hsic(k, m) / np.sqrt(debiased_hsic(k, k) * debiased_hsic(m, m))


def nearest(rows, i, k):
    """The k rows most similar to row i, itself left out; the first of equals."""
    order = sorted((j for j in range(len(rows)) if j != i), key=lambda j: (-(rows[i] @ rows[j]), j))
    return order[:k]
