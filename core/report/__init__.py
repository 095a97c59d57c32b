"""One HTML file that says everything and needs nothing: no network, no script, under 10 MB, good on paper."""
