"""Overview: what distillation changed, in numbers, bars and two or three sentences."""

from __future__ import annotations

import streamlit as st

from app import study_bar

st.title("Overview")
study = study_bar.current()
st.write(study.names)
