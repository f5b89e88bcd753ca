"""How flat the landscape is around a minimum: one file per measure."""
