"""Configs: composed, checked, and limited to trusted names, before anything is built."""
