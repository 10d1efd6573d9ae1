"""A folder for a paper: a paragraph of the protocol, tables, figures, limitations and references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alrun.report import summary
from alrun.report.checklist import MET, checklist
from alrun.report.figures import render
from alrun.report.formats import escaped_latex, latex_table
from alrun.report.material import Material
from alrun.report.page.section import Section
from alrun.report.paper.references import cite_key, references

__all__ = ["paper_files"]

MAIN = r"""\documentclass{article}
\usepackage[margin=2.5cm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\section*{Protocol}
\input{protocol}
\begin{table}[ht]
\centering\small
\caption{%(caption)s}
\resizebox{\textwidth}{!}{\input{summary}}
\end{table}
%(figures)s
\section*{Limitations}
\input{limitations}
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""
FIGURE = r"""\begin{figure}[ht]
\centering
\includegraphics[width=\textwidth]{%(name)s_wide}
\caption{%(caption)s}
\end{figure}
"""


def paper_files(material: Material, sections: Sequence[Section]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file: LaTeX sources, a document that shows them all, PDF figures, BibTeX."""
    study = material.study
    charts = [chart for section in sections for chart in section.charts]
    figures = "".join(FIGURE % {"name": chart.name, "caption": escaped_latex(chart.caption)} for chart in charts)
    caption = f"{escaped_latex(study.metric)}: mean and 95\\,\\% interval over seeds; p-values corrected by Holm."
    texts = {
        "main.tex": MAIN % {"figures": figures, "caption": caption},
        "protocol.tex": _protocol(material),
        "limitations.tex": _limitations(material),
        "summary.tex": latex_table(summary.readable(study)),
        "references.bib": references([*_options(material), "holm", "wilcoxon", "penalty", "critical"]),
    }
    yield from ((name, text.encode()) for name, text in texts.items())
    for chart in charts:
        yield from render(chart, ("pdf",))


def _options(material: Material) -> list[str]:
    """Return the options that the runs chose, of which some have a paper."""
    return sorted({option for run in material.runs for choice in run.choices.values() for option in choice.split(",")})


def _protocol(material: Material) -> str:
    """Return one paragraph with every fact that the configs know."""
    study, runs = material.study, material.runs
    cited = [name for option in _several(material, "query") for name in (escaped_latex(option) + _cite(option),)]
    seeds = int(study.areas["n"].min()) if len(study.areas) else 0
    facts = [
        f"We compare the query strategies {_listed(cited)} on {_listed(_plain(material, 'data'))} with the learner "
        f"{_listed(_plain(material, 'learner'))} and {_listed(_plain(material, 'inference'))} inference.",
        f"Experiments begin with {_values(material, 'initial_size')} labels drawn by the strategy "
        f"{_listed(_plain(material, 'cold_start'))}, and buy {_values(material, 'query_size')} labels per step up to "
        f"{_listed(sorted({str(run.budget) for run, _ in material.with_curves}))} in all.",
        f"The learner is retrained at each step ({_listed(sorted({run.reset for run in runs}))}) for at most "
        f"{_values(material, 'training.max_epochs')} epochs in batches of {_values(material, 'training.batch_size')}.",
        f"Each experiment is run with {seeds} seeds; runs of one seed share split, first labels, first weights and "
        "shuffles, so strategies are compared pairwise.",
        "Intervals are 95\\,\\% intervals of the mean over seeds.",
    ]
    if len(study.ceilings):
        facts.append("The ceiling is the same learner, trained once on the labels of the whole pool.")
    if study.baseline:
        facts.append(
            f"Areas under the learning curve are compared with those of {escaped_latex(study.baseline)} by the paired "
            f"t-test and Wilcoxon's signed-rank test{_cite('wilcoxon')}, corrected over strategies{_cite('holm')}."
        )
    versions = {name: value for run in runs for session in run.versions for name, value in session.items()}
    used = [f"{name} {versions[name]}" for name in ("alrun", "torch", "lightning") if name in versions]
    return "\n".join([*facts, f"Software: {escaped_latex(', '.join(used))}.", ""])


def _cite(name: str) -> str:
    key = cite_key(name)
    return f"~\\cite{{{key}}}" if key else ""


def _several(material: Material, group: str) -> list[str]:
    return sorted({run.choices.get(group, "") for run in material.runs})


def _plain(material: Material, group: str) -> list[str]:
    return [escaped_latex(name.replace("_", " ")) for name in _several(material, group)]


def _values(material: Material, key: str) -> str:
    return _listed(
        sorted({escaped_latex(str(config[key])) for _, config in material.with_curves if key in config}) or ["?"]
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _limitations(material: Material) -> str:
    checks = checklist(material)
    opened = [check for check in checks if check.state != MET]
    if not opened:
        return "None of the points is open.\n"
    items = [f"\\item {escaped_latex(check.name)}: {escaped_latex(check.found)}." for check in opened]
    return "\n".join([r"\begin{itemize}", *items, r"\end{itemize}", ""])
