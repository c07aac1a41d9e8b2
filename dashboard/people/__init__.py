"""Accounts and who sees what of whom: administration, sessions, customers' data, the audit as it is read."""
