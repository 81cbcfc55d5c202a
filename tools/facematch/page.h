/* The frame of the pages that the program writes: one file, nothing loaded from elsewhere. */
#ifndef TOOL_PAGE_H
#define TOOL_PAGE_H

#include <stdbool.h>
#include <stdio.h>

/* Up to the beginning of <main>; the heading is "title: subject". */
void page_begin(FILE *out, const char *title, const char *subject, const char *summary);
void page_end(FILE *out);

/* One figure of <ul class="tiles">. */
void page_tile(FILE *out, const char *value, const char *label);

/* Text with the characters of HTML made harmless. */
void page_text(FILE *out, const char *text);

bool page_is_html(const char *path); /* ends in .html */
char *page_twin(const char *path);   /* the same with .json in its place, to be freed */

#endif
