"""What a paper takes from a report: protocol, tables, figures, limitations and references in LaTeX."""
