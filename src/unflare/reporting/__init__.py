"""The validation report, from result files only."""
