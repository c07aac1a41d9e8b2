"""Backups: made while people work, whole or none, few enough to be kept; and a store made anew from one."""
