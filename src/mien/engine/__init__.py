"""What training shares between systems: functions, never a base trainer."""
