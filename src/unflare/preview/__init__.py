"""Looking at recordings and scenes: pictures and short videos for people. No stage and no result depends on it."""
