"""The Streamlit app: choose, load, draw. It computes nothing."""
