"""Rows to edges, hops and chains."""
