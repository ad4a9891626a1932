"""The baselines and the classifier with which `evaluate` measures express."""
