"""The procedure's arguments: the generated table, reading, and which of them have an effect."""
