"""Long videos: walking over them once, spotting actions in them, finding moments alike, cutting clips out."""
