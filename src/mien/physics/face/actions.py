"""Which muscles make an action unit: the anatomical basis that FACS states, as activations."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ACTIONS"]

_ACTIONS: dict[str, dict[str, float]] = {
    "AU1": {"frontalis_medialis": 1.0},
    "AU2": {"frontalis_lateralis": 1.0},
    "AU4": {"corrugator": 1.0, "procerus": 0.4, "depressor_supercilii": 0.8},
    "AU5": {"levator_palpebrae": 1.0},
    "AU6": {"orbicularis_oculi_orbital": 1.0},
    "AU7": {"orbicularis_oculi_palpebral_lower": 1.0},
    "AU9": {"levator_labii_superioris_alaeque_nasi": 1.0, "levator_labii_superioris": 0.4},
    "AU10": {"levator_labii_superioris": 1.0},
    "AU12": {"zygomaticus_major": 1.0},
    "AU14": {"buccinator": 1.0},
    "AU15": {"depressor_anguli_oris": 1.0},
    "AU16": {"depressor_labii_inferioris": 1.0},
    "AU17": {"mentalis": 1.0},
    "AU18": {"incisivus_superioris": 0.7, "incisivus_inferioris": 0.7, "orbicularis_oris_peripheral": 1.0},
    "AU20": {"risorius": 1.0, "platysma": 0.6},
    "AU22": {"orbicularis_oris_peripheral": 1.0, "depressor_labii_inferioris": 0.3, "levator_labii_superioris": 0.2},
    "AU24": {"orbicularis_oris_marginal": 0.3, "mentalis": 0.6},
    "AU26": {"jaw_open": 1.0},
    "AU28": {"orbicularis_oris_marginal": 1.0, "mentalis": 0.3},
    "AU29": {"jaw_forward": 1.0},
    "AU30L": {"jaw_left": 1.0},
    "AU45": {"orbicularis_oculi_palpebral_upper": 1.0},
}
ACTIONS: Mapping[str, Mapping[str, float]] = MappingProxyType(_ACTIONS)
"""FACS unit -> the muscles, or actuators of the jaw, that make it, and their activation at full intensity.

Source: Ekman, Friesen and Hager, Facial Action Coding System, 2002, appendix with the muscular basis of each unit.
Where several muscles share a unit, their shares are chosen by eye.
"""
