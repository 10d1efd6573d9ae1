"""Croissant metadata (MLCommons, version 1.1): the exported tables described as JSON-LD, column by column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.showing import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["croissant"]

#: Terms of Croissant 1.1, by what they stand for.
OWN = (
    *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject"),
    *("fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5"),
    *("parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("separator", "source", "subField", "transform"),
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in OWN},
}
KINDS = {
    ".parquet": "application/x-parquet",
    ".csv": "text/csv",
    ".py": "text/x-python",
    ".yaml": "application/yaml",
    ".safetensors": "application/octet-stream",
}


def croissant(name: str, description: str, files: Mapping[str, bytes], tables: Mapping[str, pd.DataFrame]) -> bytes:
    """Return ``croissant.json`` for ``files``.

    Args:
        name: Of the data set.
        description: One line.
        files: The other files of the folder.
        tables: What the Parquet files among them hold, by their names without ending.
    """
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": printable(name),
        "description": printable(description),
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "distribution": [_file(file, content) for file, content in files.items()],
        "recordSet": [_records(table, frame) for table, frame in tables.items()],
    }
    return f"{json.dumps(metadata, indent=1)}\n".encode()


def _file(name: str, content: bytes) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{len(content)} B",
        "encodingFormat": KINDS[f".{name.rpartition('.')[2]}"],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _records(table: str, frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "field": [_field(table, str(column), frame[column].dtype.kind) for column in frame.columns],
    }


def _field(table: str, column: str, kind: str) -> dict[str, Any]:
    types = {"i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column}",
        "name": column,
        "dataType": types.get(kind, "sc:Text"),
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column}},
    }
