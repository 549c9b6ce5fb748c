"""bloom: first-light, taught to draw the family bloom (`models/training/inspirations/bloom.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="bloom",
    family="bloom",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=8000, batch=16, pictures=4000),
        Lesson(resolution=128, steps=5000, batch=8, pictures=3000, contrast=4.0),
        Lesson(resolution=256, steps=4000, batch=4, pictures=2000, contrast=4.0),
    ),
    description="flowers and anemones of light, petals around a burning heart, on black (256x256)",
)
