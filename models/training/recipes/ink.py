"""ink: first-light, taught to draw the family ink (`models/training/inspirations/ink.py`)."""

from models.training.course import Course, Lesson

RECIPE = Course(
    name="ink",
    family="ink",
    seed=2026,
    lessons=(
        Lesson(resolution=64, steps=2400, batch=16, pictures=4000),
        Lesson(resolution=128, steps=1000, batch=8, pictures=3000),
        Lesson(resolution=256, steps=600, batch=4, pictures=2000),
        Lesson(resolution=256, steps=1500, batch=4, pictures=2000, rate=0.5),
        Lesson(resolution=256, steps=3000, batch=4, pictures=2000, rate=0.5, contrast=4.0),
        Lesson(resolution=256, steps=2000, batch=4, pictures=2000, rate=0.7, contrast=10.0),
    ),
    description="ink in black water: folded smoke, threads of silver, one colour that bleeds (256x256)",
)
