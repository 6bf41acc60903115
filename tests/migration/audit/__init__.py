"""An auditor of migrations, sharing no code with them: both sides are read back, losses put into words."""
