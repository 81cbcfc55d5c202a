/* Galleries as files of JSON lines: one for the model, one for each identity, one that counts them.
 *
 * Arguments have been checked by api/transfer.c. */
#ifndef FMI_TRANSFER_H
#define FMI_TRANSFER_H

#include "core/json.h"
#include "gallery/gallery.h"
#include <facematch/transfer.h>

#define FMI_TRANSFER_FORMAT "facematch-gallery"
enum {
    FMI_TRANSFER_VERSION = 1,
    FMI_PROGRESS_EVERY = 64 /* identities */
};

fm_status fmi_gallery_export(fm_gallery *gallery, const char *path,
                             const fm_transfer_options *options, fm_transfer *out, fm_error *err);
fm_status fmi_gallery_import(fm_gallery *gallery, const char *path,
                             const fm_transfer_options *options, fm_transfer *out, fm_error *err);
fm_status fmi_gallery_compact(fm_gallery *gallery, fm_error *err);
fm_status fmi_gallery_shard(fm_gallery *gallery, const char *const *servers, size_t n,
                            const fm_transfer_options *options, fm_transfer *out, fm_error *err);

/* FM_E_CANCELED when the caller does not want to go on. */
fm_status fmi_transfer_progress(const fm_transfer_options *options, int64_t done, int64_t total,
                                fm_error *err);
/* FM_E_UNSUPPORTED when the store lacks the operation. */
fm_status fmi_transfer_check_store(const fm_gallery *gallery, bool can, fm_error *err);
/* FM_E_INVALID_ARGUMENT when the path leads to the file of the gallery. */
fm_status fmi_transfer_check_path(const fm_gallery *gallery, const char *path, fm_error *err);

/* --- one line (record.c) --- */

/* What the first line says. */
typedef struct fmi_header {
    int64_t version, dim;
    char model_id[FM_MODEL_ID_SIZE], model_name[64], metric[32];
} fmi_header;

/* FM_E_CORRUPT, FM_E_VERSION */
fm_status fmi_header_read(fmi_header *out, fmi_json line, fm_error *err);

/* What the last line says. */
typedef struct fmi_footer {
    int64_t identities, templates;
} fmi_footer;

bool fmi_footer_is(fmi_json line);
fm_status fmi_footer_read(fmi_footer *out, fmi_json line, fm_error *err);

/* An identity, and the template of it that was read last. All memory is got once. */
typedef struct fmi_record {
    char id[FM_ID_MAX + 1], display_name[FM_DISPLAY_NAME_MAX + 1], label[FM_LABEL_MAX + 1];
    bool has_display_name, has_metadata, has_quality;
    float quality;
    int64_t created_ms, updated_ms, template_created_ms;
    fmi_json templates; /* those that are still to be read */
    size_t dim;
    char *metadata; /* char[FM_METADATA_MAX + 1] */
    float *vector;  /* float32[dim] */
    unsigned char *bytes;
    char *base64;
} fmi_record;

fm_status fmi_record_init(fmi_record *record, size_t dim, fm_error *err);
void fmi_record_dispose(fmi_record *record); /* wipes */
size_t fmi_record_longest(size_t dim);       /* bytes of its line, at most */

/* The identity; `templates` leads to its templates. FM_E_CORRUPT, FM_E_LIMIT, FM_E_NO_MEMORY. */
fm_status fmi_record_read(fmi_record *record, fmi_json line, fm_error *err);
/* The next template; *more is false when there is none. */
fm_status fmi_record_next(fmi_record *record, bool *more, fm_error *err);
/* As it is to be stored; borrowed from the record. */
fmi_new_template fmi_record_template(const fmi_record *record);

#endif
