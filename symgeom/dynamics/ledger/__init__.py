"""The ledger: what changed every charge along training, and whether the account closes."""

from symgeom.dynamics.ledger.account import TERMS, Ledger, LedgerRecord

__all__ = ["Ledger", "LedgerRecord", "TERMS"]
