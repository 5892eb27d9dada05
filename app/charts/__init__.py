"""Charts: each takes a result and returns a Plotly figure."""
