"""Quotient: networks modulo their symmetries. Canonical representatives, alignment, and the torus on which they lie."""
