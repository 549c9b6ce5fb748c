"""glass: first-light, taught to draw the family glass (`models/training/inspirations/glass.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="glass",
    family="glass",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=3000, batch=16, pictures=4000),
        Lesson(resolution=128, steps=1200, batch=8, pictures=3000),
        Lesson(resolution=256, steps=800, batch=4, pictures=2000),
    ),
    description="rose windows of stained glass, rings that turn against each other, the sun behind (256x256)",
)
