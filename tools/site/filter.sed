# What stands above a header's include guard is about the file; the fields behind a function's parameters are paragraphs.
1s|^/\* |/** @file\n * |
s/(^|[ .])(Threads|Cost|Since|Source|Note): */\1\n * @par \2\n * /g
# Constructors that every handle has.
s/^ *using handle::handle;$//
