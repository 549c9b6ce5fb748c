"""bloom: first-light, taught to draw the family bloom (`models/training/inspirations/bloom.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="bloom",
    family="bloom",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=2000, batch=16, pictures=4000),
        Lesson(resolution=128, steps=1000, batch=8, pictures=3000),
        Lesson(resolution=256, steps=600, batch=4, pictures=2000),
    ),
    description="flowers and anemones of light, petals around a burning heart, on black (256x256)",
)
