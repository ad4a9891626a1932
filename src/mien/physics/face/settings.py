"""Every constant of the simulated tissue, with its source."""

from dataclasses import dataclass

__all__ = ["TissueSettings"]


@dataclass(frozen=True, kw_only=True)
class TissueSettings:
    """Stiffnesses and thicknesses of the layers. Values in MPa are N/mm^2.

    Lee, Terzopoulos and Waters 1995 give the structure but no table of stiffness. Measured skin is between 4 and 200
    kPa in the first, compliant phase, depending on place and method (Delalleau et al. 2006; Nazari et al. 2010 use 15
    kPa for all of the face's tissue).
    """

    skin: float = 0.100
    """Young's modulus of the epidermis and dermis before the knee [MPa]."""
    skin_thickness: float = 1.5
    """Thickness that carries the skin's tension [mm]."""
    fascia: float = 0.050
    """Young's modulus of the superficial fascia [MPa]."""
    fascia_thickness: float = 2.0
    """Thickness that carries the fascia's tension [mm]."""
    fat: float = 0.002
    """Young's modulus of what lies between skin and fascia [MPa]."""
    ratio: float = 3.0
    """Stiffness beyond the knee over that below it. 6 works too, but converges a third slower than 2."""
    knee: float = 0.25
    """Strain at which collagen is straight; skin stiffens between 20 and 40 % (Lee, Terzopoulos and Waters 1995)."""
    bending: float = 0.2
    """Bending stiffness of each layer [N mm]. A plate of 15 kPa and 6 mm has 0.3."""
    volume: float = 0.020
    """Resistance to a change of volume [MPa], of the order of tissue that is nearly incompressible at 15 kPa."""
    barrier: float = 0.020
    """Strength of the barrier against inverted prisms [MPa]."""
    tie: float = 8e-4
    """Retaining ligaments between fascia and bone [N/mm^3], before the factors of the regions."""
    lid: float = 1.0
    """Hold of a tarsal plate on the skin of a lid [N/mm for each vertex]."""
    contact: float = 1.0
    """Stiffness of contacts [N/mm]: 0.1 N of a muscle on a vertex then makes 0.1 mm of penetration."""
    forehead: float = 0.20
    """Factor of `tie` under the frontalis, where the galea slides on the skull."""
    cheek: float = 0.30
    """Factor of `tie` in the cheek, whose fat pads slide."""
    mouth: float = 0.05
    """Factor of `tie` around the mouth, whose muscles have no other hold than each other."""
    chin: float = 0.5
    """Factor of `tie` on the chin."""
    nose: float = 3.0
    """Factor of `tie` on the nose, whose skin lies on cartilage."""
    border: float = 3.0
    """Factor of `tie` at the outer border, beyond which no muscle pulls."""
    lip_skin: float = 1.5
    """Factor of the stiffness of skin and fascia in the lips, whose muscle is always under some tension."""
    nose_skin: float = 5.0
    """Factor of the stiffness of skin and fascia on the nose, for its cartilage."""
    lid_skin: float = 0.07
    """Factor of the stiffness of skin and fascia of the lids, the thinnest skin of the body."""
