"""Pictures of rigs: a CPU painter, the preview video's frames, contact sheets."""
