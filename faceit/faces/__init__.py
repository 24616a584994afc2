"""Who and where: detection, landmarks, identity, and the folder of aligned faces."""
