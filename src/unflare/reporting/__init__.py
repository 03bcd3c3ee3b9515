"""The validation report, from result files only: `writing.write_report` makes it."""
