"""The parts of express at run time besides `predict`: timelines, identity codes, other topologies, wrinkles."""
