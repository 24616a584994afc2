"""Who is who in a whole video: the first pass, tracks joined and judged as wholes, the faces to be swapped."""
