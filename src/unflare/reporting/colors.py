"""Colors of the report. Drawings use the first four as placeholders, which the HTML page replaces by its own."""

INK, MUTED, LINE, PAPER = "#1c2024", "#667079", "#d9dcd9", "#fffffe"
BLUE, ORANGE, GREEN, PURPLE, RED, GOLD = "#3b82c4", "#e07b39", "#35a07c", "#9a73c9", "#d1495b", "#c9a227"
