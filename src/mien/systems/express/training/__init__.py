"""Training data of express: the corpus, and folders of registered scans."""
