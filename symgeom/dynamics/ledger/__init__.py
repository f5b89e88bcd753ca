"""The ledger: what changed every charge along training, and whether the account closes."""

from symgeom.dynamics.ledger.bookkeeping import Ledger, LedgerState
from symgeom.dynamics.ledger.noise_split import SplitState
from symgeom.dynamics.ledger.record import CAUSES, TERMS, LedgerRecord

__all__ = ["CAUSES", "TERMS", "Ledger", "LedgerRecord", "LedgerState", "SplitState"]
