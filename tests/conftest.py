"""What all tests share."""

from collections.abc import Iterator

import jaxtyping
import pytest

from tests import typecheck

# Before anything imports them: shapes in signatures hold at run time in every test.
jaxtyping.install_import_hook(("cirkd.relations", "cirkd.losses"), f"{typecheck.__name__}.checked")


@pytest.fixture
def as_shipped() -> Iterator[None]:
    """Without run-time shape checks, as users run it: to see the project's own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
