"""The figures of speak, made from the numbers that its benchmark measured."""

from collections.abc import Mapping
from typing import Any

from mien.engine.figures import Figure

__all__ = ["FLAT", "KEYS", "NAMES", "OURS", "PLAIN", "RULES", "figures_of"]

OURS, PLAIN, KEYS, RULES, FLAT = "ours", "no style", "key poses", "rules", "no priors"
"""The methods that are measured: as keys of a result's details."""
NAMES = {
    PLAIN: "the same network without a style",
    KEYS: "viseme key poses",
    RULES: "the rules' average speaker",
    FLAT: "the same network without priors",
}
"""How a baseline is called in the documents."""


def figures_of(details: Mapping[str, Any]) -> tuple[Figure, ...]:
    """The figures of a benchmark's details."""
    table, found = details["methods"], details["retrieval"]

    def others(key: str, *names: str) -> dict[str, float | None]:
        return {NAMES[name]: table[name][key] for name in names}

    who = "Speech of held-out speakers"
    ours = table[OURS]
    return (
        Figure(
            name=f"{who}: largest squared error of a lip landmark in a frame, mean (LVE)",
            ours=ours["lve"],
            unit="mm^2 of the head mo",
            better="lower",
            baselines=others("lve", PLAIN, RULES, KEYS),
            short=True,
        ),
        Figure(
            name=f"{who}: share of p, b, m with closed lips within two frames",
            ours=ours["closure"],
            target=0.98,
            baselines=others("closure", PLAIN, RULES, KEYS),
            short=True,
        ),
        Figure(
            name=f"{who}: share of performances recognised as those of the speaker who gave the style",
            ours=found[OURS],
            unit=f"of {details['speakers']} speakers",
            baselines={"true takes": found["truth"], NAMES[PLAIN]: found[PLAIN], NAMES[RULES]: found[RULES]},
            short=True,
        ),
        Figure(
            name=f"{who}: spread of brows and lids, true less generated, mean (FDD)",
            ours=ours["fdd"],
            unit="mm of the head mo; 0 is right",
            better="lower",
            baselines=others("fdd", PLAIN, FLAT, RULES, KEYS),
            headline=False,
        ),
        Figure(
            name=f"{who}: difference in the spread of brows and lids, mean size over landmarks",
            ours=ours["fdd_absolute"],
            unit="mm of the head mo",
            better="lower",
            baselines=others("fdd_absolute", PLAIN, FLAT, RULES, KEYS),
        ),
        Figure(
            name=f"{who}: blinks a minute",
            ours=ours["blinks_per_minute"],
            baselines={"true": ours["blinks_per_minute_true"], **others("blinks_per_minute", PLAIN, FLAT, RULES)},
        ),
        Figure(
            name=f"{who}: blinks a minute, generated against the speaker's own",
            ours=ours["blink_rate_r"],
            unit="correlation over speakers",
            baselines=others("blink_rate_r", PLAIN),
        ),
        Figure(
            name=f"{who}: time that lids are more than half closed in a blink",
            ours=ours["blink_time"],
            unit="s, median",
            baselines={"true": ours["blink_time_true"], **others("blink_time", PLAIN, FLAT, RULES)},
            headline=False,
        ),
        Figure(
            name=f"{who}: head movement in bands from 0.1 to 4 Hz, distance from the speaker's own",
            ours=ours["head_db"],
            unit="dB",
            better="lower",
            baselines=others("head_db", PLAIN, FLAT, RULES, KEYS),
        ),
        Figure(
            name="Seconds of speech animated from phones in a second of one processor",
            ours=details["real_time_factor"],
            target=300.0,
            short=True,
        ),
    )
