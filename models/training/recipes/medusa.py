"""medusa: first-light, taught to draw the family medusa (`models/training/inspirations/medusa.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="medusa",
    family="medusa",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=3000, batch=16, pictures=4000),
        Lesson(resolution=128, steps=1200, batch=8, pictures=3000),
        Lesson(resolution=256, steps=800, batch=4, pictures=2000),
        Lesson(resolution=256, steps=1500, batch=4, pictures=2000, rate=0.5, contrast=4.0),
    ),
    description="jellyfish of light: glassy bells with a glowing heart, frilled arms, long threads (256x256)",
)
