"""Sound in, events out. The public door is `perform.audio.ear.open_ear`.

    sound card or file  ->  ring          ->  analysis         ->  events
    capture.py (child)      shared memory     ear.py (thread)      Source.poll (main thread)

Keep this file empty of imports: the capture child imports the package and should start fast.
"""
