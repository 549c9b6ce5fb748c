"""glass: first-light, taught to draw the family glass (`models/training/inspirations/glass.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="glass",
    family="glass",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=8000, batch=16, pictures=4000),
        Lesson(resolution=128, steps=5000, batch=8, pictures=3000, contrast=4.0),
        Lesson(resolution=256, steps=4000, batch=4, pictures=2000, contrast=4.0),
    ),
    description="rose windows of stained glass, rings that turn against each other, the sun behind (256x256)",
)
