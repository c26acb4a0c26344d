"""
Test a gateway end to end.

Its upstream is a mock server behind a relay that records every byte. The caller sends
one request for each feature and compares what it sent with what arrived.
"""
