/* Standard input, which a photograph named - is read from. */
#ifndef TOOL_INPUT_H
#define TOOL_INPUT_H

#include <facematch/facematch.h>
#include <stdbool.h>

bool input_is(const char *path);

/* The photograph in it; up to as many bytes as the library takes from a file. */
fm_status input_photo(fm_image **out, fm_error *err);

#endif
