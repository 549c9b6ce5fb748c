# The commands a person runs are the commands CI runs. Every one sets up what it needs by itself (.ci/setup).
# PYTHON=/path/to/python3.12 chooses the interpreter for a new .venv; ARGS="..." goes on to the command.

.PHONY: help show test setup check lint format types imports pytest render clean

bin := .venv/bin

help:
	@echo "make show     set up what the show needs, then play it (without a display: into show.mp4 and show.png)"
	@echo "make test     set up everything, then lint, types, import contracts and all tests"
	@echo "make check    lint, types and import contracts only"
	@echo "make setup    set up everything, and nothing more"
	@echo "make render   TRACK=track.wav [PRESET=first-light] [OUT=render.mp4]: draw a video to a sound file"
	@echo "make clean    take away .venv and all that was made here"

show:
	@sh .ci/setup show
	@$(bin)/perform show $(ARGS)

test: check pytest

setup:
	@sh .ci/setup dev

check: lint format types imports

lint: setup
	$(bin)/ruff check

format: setup
	$(bin)/ruff format --check

types: setup
	$(bin)/mypy

imports: setup
	$(bin)/lint-imports

pytest: setup
	$(bin)/python -m pytest $(ARGS)

PRESET ?= first-light
OUT ?= render.mp4
render:
	@test -n "$(TRACK)" || { echo "say which sound: make render TRACK=track.wav"; exit 2; }
	@sh .ci/setup show
	@$(bin)/perform render "$(TRACK)" --preset "$(PRESET)" -o "$(OUT)" $(ARGS)

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache show.mp4 show.png
	find perform models tests -name __pycache__ -type d -prune -exec rm -rf {} +
