"""
Group failed checks by cause, so that each cause is one finding.

`signatures` tells what failed, `features` what was requested. `cover` finds the
features that all failing cases share and no passing case has, `grouping` builds the
findings, and `titles` words them.
"""
