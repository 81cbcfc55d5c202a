/* Exported galleries under a key: between a file and its user. */
#ifndef FMI_SEAL_STREAM_H
#define FMI_SEAL_STREAM_H

#include "core/stream.h"
#include <facematch/gallery.h>

/* What is written is sealed and handed on to *sink, which becomes the new one and closes the old.
 * On failure *sink is as it was. */
fm_status fmi_seal_sink(fmi_sink **sink, const char *name, const fm_gallery_key *key,
                        fm_error *err);

/* The same for reading; a source that is not sealed stays as it is when key is NULL.
 * FM_E_PERMISSION: sealed, and the key is missing or another; FM_E_STATE: a key for what is not
 * sealed. What is read was authenticated; an end that is missing is FM_E_CORRUPT. */
fm_status fmi_seal_source(fmi_source **source, const char *name, const fm_gallery_key *key,
                          fm_error *err);

#endif
