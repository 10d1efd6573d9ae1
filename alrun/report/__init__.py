"""Reports: tables from the records of many runs."""
