"""
Simulated errors, faults and delays, on request.

* `triggers`: the errors, faults and delays that a request asks for
* `scripts`: those of the control API, in order
* `faults`: the table of faults
* `transfer`: send a response, whole or damaged by a fault
* `latency`: delays
* `namespaces`: isolation of clients that share a server
"""
