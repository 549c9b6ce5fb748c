"""masks: first-light, taught to draw the family masks (`models/training/inspirations/masks.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="masks",
    family="masks",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=2000, batch=16, pictures=4000),
        Lesson(resolution=128, steps=1000, batch=8, pictures=3000),
        Lesson(resolution=256, steps=600, batch=4, pictures=2000),
        Lesson(resolution=256, steps=3000, batch=4, pictures=2000, rate=0.5, contrast=4.0),
    ),
    description="carved masks: lacquer and bone, horns, glowing eyes, on black (256x256)",
)
