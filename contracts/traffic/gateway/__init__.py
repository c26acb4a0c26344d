"""
Test a gateway end to end.

Its upstream is a mock server behind a proxy that records requests. The caller sends
one request for each feature and compares both ends of the exchange.
"""
