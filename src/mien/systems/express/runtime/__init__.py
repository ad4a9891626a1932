"""What runs when express expresses, besides `predict`: timelines, identity, wrinkles."""
