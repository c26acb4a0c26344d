"""
A gateway between two of our slices: what passes through it, and what does not.

Its upstream is our mock, behind a tap that sees every byte; its caller asks one
question for each feature and compares what it sent with what arrived.
"""
