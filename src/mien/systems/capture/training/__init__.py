"""What training capture needs besides the contract's files."""
