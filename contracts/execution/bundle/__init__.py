"""A bundle: all exchanges of a run in one file, to be checked and judged again."""
