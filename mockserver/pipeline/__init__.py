"""
The path of a request through the mock, from its bytes to the journal entry.

`handler` runs the steps, in the order that its docstring lists. The modules:

* state: `server_context` (all mocks of a server), `provider_context` (one mock),
  `exchange` (one request)
* request: `body_reading`, `authentication`, `body_parsing`, `behavior`, `quotas`,
  `replay`, `validation`, `interpretation`, `interpreter`
* response: `projection`, `sse`, `response`, `sending`
* record: `journal_entry`
"""
