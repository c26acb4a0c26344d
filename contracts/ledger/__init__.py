"""The ledger of paid and distributed runs: leases of lanes, money, and outcomes."""
