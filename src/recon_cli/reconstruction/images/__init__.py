"""Photos as people have them: found, judged one by one, and copied in a form that every later stage can read."""
