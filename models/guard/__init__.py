"""The guard: what says that a network has collapsed, stopped, burnt out or broken before anybody sees it on the wall.

`look` takes readings of pictures, `Guard` judges weights before they reach the stage, `Watch` judges a training run.
The failures are the four that Ahn et al. show ("Implementing Creative Adversarial Networks", Results and Discussion),
with numbers that are not finite as the fifth. A guard says that something broke, not that something is ugly: divergence
is what the instrument is for.
"""

from models.guard.guard import Guard, fixed_latents, guard_of, pictures_of
from models.guard.look import Look, look
from models.guard.watch import Watch, watch_of

__all__ = ["Guard", "Look", "Watch", "fixed_latents", "guard_of", "look", "pictures_of", "watch_of"]
