"""The ground: clock, config, database, due rows, ids, texts, rendering, errors, logs. No business words live here."""
