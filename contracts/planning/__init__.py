"""
Test planning: from a provider's document to the cases of a run, before any is sent.

In the order of a plan:

- `request_model`: one request body of an operation, with its claims and rules
- `values`, `boundary_values`: values for a field, valid and invalid
- `classification`: from a request to a `case`, by the judgement of the document
- `enumeration`: single changes, pairs of changes, and faults outside the payload
- `plan`: all planned cases, in their order
- `fuzz` and `example_database`: generated cases, of this run and of earlier ones
- `coverage` and `code_samples`: counts per claim, and cases as commands and scripts
"""
