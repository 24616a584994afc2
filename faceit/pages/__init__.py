"""Pages for a browser: numbers become charts, values become one self-contained HTML file."""
