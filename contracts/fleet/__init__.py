"""Campaigns: many targets, each a lane, run by workers that share a ledger."""
