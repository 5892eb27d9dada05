"""What Streamlit's own look lacks on every page: room, and text and symbols that stand out enough from the page.

Contrast is that of WCAG 2.1, level AA: 4.5 for text, 3 for symbols.
"""

from __future__ import annotations

from cirkd.charts import theme


def style() -> str:
    """CSS for the mode that the page is in."""
    return (
        "[data-testid=stMainBlockContainer]{padding-inline:clamp(1rem,3.5vw,3.5rem)}"
        # Captions are the text's colour at 60 %, symbols of models in them as well.
        f"[data-testid=stCaptionContainer],[data-testid=stCaptionContainer] :is(p,code)"
        f"{{color:{theme.muted()};opacity:1}}"
        # White on a dark page's bright primary colour can hardly be read.
        f"[data-testid^=stBaseButton-primary],[data-testid^=stBaseButton-primary] *{{color:{theme.paper()}!important}}"
        # The name of a control that is off stays readable.
        f"[data-testid=stWidgetLabel] p{{color:{theme.ink()}}}"
        # A formula that fits needs no bar to scroll it, which keys could not reach.
        "@media(min-width:70rem){.katex-display{overflow:visible!important}}"
        + "".join(_symbol(name) for name in theme.ROLES)
    )


def _symbol(name: str) -> str:
    """A model's symbol before the name of its picker, where a reader of the page's names does not meet it."""
    role = theme.role(name)
    return f".st-key-bar_{name} label p::before{{content:'{role.glyph} '/'';color:{role.color}}}"
