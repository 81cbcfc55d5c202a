/* Where models are looked for. */
#ifndef TOOL_SEARCH_H
#define TOOL_SEARCH_H

#include "options.h"
#include "walk.h"

/* Whether --models-dir is there, so that models do not come from elsewhere for a slip of the pen;
 * false: reported. */
bool search_check(const options *opts);

/* The folders, in order: --models-dir, $FACEMATCH_MODELS, ./models, ~/.local/share/... */
names search_folders(const options *opts);
char *search_places(const options *opts); /* with commas between, to be freed */

/* The path of a model given by name or by path, to be freed; NULL: not found, and reported. */
char *search_model(const options *opts, const char *name);

/* The same without a report. */
char *search_find(const options *opts, const char *name);

#endif
