"""The attacks, by what they are after."""

from tests.hostile.attacks.escaping import ESCAPING
from tests.hostile.attacks.exhausting import EXHAUSTING
from tests.hostile.attacks.forging import FORGING
from tests.hostile.attacks.spying import SPYING
from tests.hostile.attacks.twisting import TWISTING
from tests.hostile.attacks.wire import WIRE

ATTACKS = (*FORGING, *SPYING, *WIRE, *EXHAUSTING, *ESCAPING, *TWISTING)
