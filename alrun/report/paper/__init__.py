"""LaTeX for a paper: protocol, tables, figures, limitations and references."""
