/* How facematch.json spells what the library has numbers for. */
#ifndef FMI_MANIFEST_WORDS_H
#define FMI_MANIFEST_WORDS_H

#include "backend/fields.h"
#include "backend/manifest.h"

enum { FMI_MANIFEST_FORMAT = 1 };

extern const fmi_word fmi_words_kind[], fmi_words_family[], fmi_words_metric[], fmi_words_order[],
    fmi_words_border[], fmi_words_layout[];

/* NULL for a value that is none */
const char *fmi_word_of(const fmi_word *words, int32_t value);

#endif
