"""What training express needs besides the contract's files."""
