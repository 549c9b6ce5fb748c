"""How well the ear hears: measured against annotated music, live and hop by hop. Behind `perform study hearing`."""
