"""Pictures of rigs: a renderer on the CPU, preview videos, contact sheets."""
