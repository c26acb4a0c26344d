"""
A second opinion from stock schemathesis, a tool that shares no code with this one.

In the order of a run: `document` (the OpenAPI document that schemathesis reads),
`generation` (the cases it generates), `opinion` (both for a provider), `verdicts` (its
checks of a response) and `merge` (its failures and our observations as one list).
"""
