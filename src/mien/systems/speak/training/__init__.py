"""What only the training of speak needs: its data."""
