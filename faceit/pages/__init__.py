"""Pages to look at in a browser: numbers become charts, values become one self-contained HTML file."""
